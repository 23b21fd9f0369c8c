#!/usr/bin/env bash
# What watches, and what lets itself be watched. Asks nothing, says what it did, and may be run again at any time; what
# was given once in the environment is known from then on (/etc/raiox/watch.env).
#
#   TELEGRAM_CHAT_ID=… RAIOX_APP_ADDRESSES=10.0.0.2 deploy/watch/install.sh watch
#   RAIOX_ADDRESS=10.0.0.2 RAIOX_WATCH_ADDRESS=10.0.0.5 deploy/watch/install.sh machine
#
# watch    on a machine of its own (stage's will do): Prometheus, Alertmanager, blackbox exporter
# machine  on each server, the one that watches too: node exporter; on application servers also who watches the watch
# Addresses are private ones. --skip-packages leaves out apt.
set -euo pipefail
WATCH=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/server/lib.sh
. "$WATCH/../server/lib.sh"
GIVEN=/etc/raiox/watch.env
# All that can be given.
NAMES="TELEGRAM_CHAT_ID RAIOX_APP_ADDRESSES RAIOX_ADDRESS RAIOX_WATCH_ADDRESS"
UNITS=/etc/systemd/system

main() {
    local kind="" argument
    for argument; do
        case $argument in
            watch | machine) kind=$argument ;;
            --skip-packages) WITH_PACKAGES=no ;;
            *)
                sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p }' "$0"
                [ "$argument" = --help ] || die "unknown argument: $argument"
                exit 0
                ;;
        esac
    done
    [ -n "$kind" ] || die "which one? watch or machine (try --help)"
    [ "$(id -u)" = 0 ] || die "run it as root"
    umask 022
    "$kind"
    say "ready" "$CHANGES steps changed something"
}

watch() {
    remember TELEGRAM_CHAT_ID RAIOX_APP_ADDRESSES
    [[ $TELEGRAM_CHAT_ID =~ ^-?[0-9]+$ ]] || die "TELEGRAM_CHAT_ID is a number"
    packages prometheus prometheus-alertmanager prometheus-blackbox-exporter ufw
    ensure "$CREDENTIALS, root's alone" folder "$CREDENTIALS" root root 700
    ensure "secret TELEGRAM_BOT_TOKEN" credential TELEGRAM_BOT_TOKEN
    [ -s "$ROOT$CREDENTIALS/TELEGRAM_BOT_TOKEN" ] || say "empty" "$CREDENTIALS/TELEGRAM_BOT_TOKEN"
    local name
    for name in prometheus.yml alerts.yml blackbox.yml raiox-telegram.tmpl; do
        file "$WATCH/$name" "/etc/prometheus/$name"
    done
    file "=$(sed "s/@TELEGRAM_CHAT_ID@/$TELEGRAM_CHAT_ID/" "$WATCH/alertmanager.yml")" /etc/prometheus/alertmanager.yml
    for name in "$WATCH"/targets/*.yml; do
        ensure "what is watched, yours to fill in: $(basename "$name")" \
            kept_file "$name" "/etc/prometheus/raiox/$(basename "$name")" 644
    done
    # Only the Alertmanager is asked from outside, by application servers.
    file '=ARGS="--web.listen-address=127.0.0.1:9090"' /etc/default/prometheus
    file '=ARGS="--config.file=/etc/prometheus/blackbox.yml --web.listen-address=127.0.0.1:9115"' \
        /etc/default/prometheus-blackbox-exporter
    file '=ARGS="--cluster.listen-address="' /etc/default/prometheus-alertmanager
    file "$WATCH/systemd/alertmanager.conf" "$UNITS/prometheus-alertmanager.service.d/raiox.conf"
    ensure "firewall: SSH, and who may ask the Alertmanager" firewall
    for name in $RAIOX_APP_ADDRESSES; do
        ensure "$name may ask the Alertmanager" port "$name" 9093
    done
    ensure "systemd has read its units" read systemd-watch "systemctl daemon-reload" "$UNITS"
    for name in prometheus prometheus-alertmanager prometheus-blackbox-exporter; do
        ensure "$name at each start" enabled "$name.service"
        ensure "$name has read its files" read "$name" "systemctl restart $name.service" \
            /etc/prometheus "/etc/default/$name" "$CREDENTIALS" "$UNITS/prometheus-alertmanager.service.d"
    done
    say "to do" "on each server, this one too: install.sh machine; on application servers METRICS_NETWORKS"
}

machine() {
    remember RAIOX_ADDRESS RAIOX_WATCH_ADDRESS
    packages prometheus-node-exporter ufw
    file "=ARGS=\"--web.listen-address=$RAIOX_ADDRESS:9100\"" /etc/default/prometheus-node-exporter
    ensure "$RAIOX_WATCH_ADDRESS may ask the node exporter" port "$RAIOX_WATCH_ADDRESS" 9100
    ensure "node exporter at each start" enabled prometheus-node-exporter.service
    ensure "node exporter has read its file" read prometheus-node-exporter \
        "systemctl restart prometheus-node-exporter.service" /etc/default/prometheus-node-exporter
    if [ -f "$ROOT$UNITS/raiox-web.service" ]; then application; fi
}

application() {
    local unit
    for unit in raiox-backup-database raiox-backup-objects raiox-verify-backup; do
        file "$WATCH/systemd/finished.conf" "$UNITS/$unit.service.d/30-finished.conf"
    done
    for unit in raiox-watched.service raiox-watched.timer; do
        file "$WATCH/systemd/$unit" "$UNITS/$unit"
    done
    ensure "systemd has read its units" read systemd-watch "systemctl daemon-reload" "$UNITS"
    ensure "the watch is watched at each start" enabled raiox-watched.timer
    ensure "the watch is watched" running raiox-watched.timer
}

# Each NAME from the environment, else as it was given before. One machine can be of both kinds: what the other one was
# given stays.
remember() {
    local name lines=""
    for name in $NAMES; do
        printf -v "$name" %s "${!name:-$(setting "$name" "$GIVEN")}"
        if [ -n "${!name}" ]; then lines+="$name=${!name}"$'\n'; fi
    done
    for name; do [ -n "${!name}" ] || die "$name is not given (try --help)"; done
    if [ -n "$RAIOX_WATCH_ADDRESS" ]; then lines+="WATCH_URL=http://$RAIOX_WATCH_ADDRESS:9093"$'\n'; fi
    file "=${lines%$'\n'}" "$GIVEN"
}

# --- Who may come in: ADDRESS PORT ---
is_port() { grep -qxF "ufw allow from $1 to any port $2 proto tcp" <<< "$(ufw show added)"; }
is_firewall() { "$WATCH/../server/ufw.sh" watch --check; }
make_firewall() { "$WATCH/../server/ufw.sh" watch; }
make_port() { ufw allow from "$1" to any port "$2" proto tcp; }

main "$@"
