#!/usr/bin/env bash
# watched.sh: does the machine that watches still watch? Its Alertmanager must hold the alert "vigia", which Prometheus
# renews all the time. Run by raiox-watched.timer on an application server; WATCH_URL is the Alertmanager's address
# (http://10.0.0.5:9093). A failure is told by raiox-alert@, on a way that does not lead over that machine.
set -euo pipefail
: "${WATCH_URL:?the address of the Alertmanager that watches, e.g. http://10.0.0.5:9093}"
alerts=$(curl --silent --show-error --fail --max-time 10 --retry "${RETRIES:-4}" --retry-all-errors --retry-delay 15 \
    "$WATCH_URL/api/v2/alerts?filter=alertname%3Dvigia&active=true")
if ! grep -q '"alertname": *"vigia"' <<< "$alerts"; then
    echo "watched: $WATCH_URL holds no alert \"vigia\": Prometheus does not reach it" >&2
    exit 1
fi
