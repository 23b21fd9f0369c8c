#!/usr/bin/env bash
# alert.sh UNIT: tell the Telegram chat that a unit failed. Run by raiox-alert@.service with the settings of raiox.env;
# the bot's token comes as a credential and goes to curl by its standard input, so that no list of processes shows it.
set -euo pipefail
unit=${1:?usage: alert.sh UNIT}
read -r token < "${CREDENTIALS_DIRECTORY:?}/TELEGRAM_BOT_TOKEN" || true
if [ -z "${token:-}" ] || [ -z "${TELEGRAM_CHAT_ID:-}" ]; then
    echo "alert: TELEGRAM_BOT_TOKEN or TELEGRAM_CHAT_ID is empty: nobody hears that $unit failed" >&2
    exit 1
fi
text="Raiox AI: $unit falhou em $(uname -n). O que houve: journalctl -u $unit -n 50"
printf 'url = "%s/bot%s/sendMessage"\n' "${TELEGRAM_API_URL:-https://api.telegram.org}" "$token" |
    curl --config - --silent --show-error --fail --output /dev/null --max-time 20 --retry 3 --retry-connrefused \
        --data-urlencode "chat_id=$TELEGRAM_CHAT_ID" --data-urlencode "text=$text"
