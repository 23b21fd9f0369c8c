#!/usr/bin/env bash
# watched.sh: does the machine that watches still watch, and is it heard? Its Alertmanager must hold the alert "vigia",
# which Prometheus renews all the time, and not "avisos-nao-entregues", which says that Telegram takes nothing from it.
# Run by raiox-watched.timer on an application server; WATCH_URL is the Alertmanager's address (http://10.0.0.5:9093).
# A failure is told by raiox-alert@, on a way that does not lead over that machine.
set -euo pipefail
: "${WATCH_URL:?the address of the Alertmanager that watches, e.g. http://10.0.0.5:9093}"
alerts=$(curl --silent --show-error --fail --max-time 10 --retry "${RETRIES:-4}" --retry-all-errors --retry-delay 15 \
    "$WATCH_URL/api/v2/alerts?filter=alertname%3D~%22vigia%7Cavisos-nao-entregues%22&active=true")
holds() { grep -q "\"alertname\": *\"$1\"" <<< "$alerts"; }
if ! holds vigia; then
    echo "watched: $WATCH_URL holds no alert \"vigia\": Prometheus does not reach it" >&2
    exit 1
fi
if holds avisos-nao-entregues; then
    echo "watched: what $WATCH_URL tells does not reach Telegram: is its bot's token the one that is valid?" >&2
    exit 1
fi
