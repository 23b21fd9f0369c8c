#!/usr/bin/env bash
# ufw.sh app | database | watch [--show | --check]: who may come in. Rules that are there are left alone, so it may be
# run again.
#   app       SSH (held back after many attempts), HTTP, HTTPS
#   database  SSH, and PostgreSQL from the addresses in RAIOX_APP_ADDRESSES and RAIOX_REPLICA_ADDRESSES only
#   watch     SSH; install.sh of deploy/watch adds who may ask
# SSH is let in at the ports at which sshd listens, and at the one by which whoever runs this has come.
set -euo pipefail
# Its words are compared below; ufw heeds LANGUAGE before all others.
export LC_ALL=C LANGUAGE=C
kind=${1:-}

# A number a line. sshd that does not say where it listens ends this: the wall could lock its owner out.
ssh_ports() {
    local told
    if command -v sshd > /dev/null; then
        told=$(sshd -T) || { echo "ufw.sh: sshd -T does not say at which port SSH listens" >&2 && return 1; }
        sed -n 's/^listenaddress .*:\([0-9]*\)$/\1/p' <<< "$told"
    else
        echo 22
    fi
    # "client's address, its port, our address, our port"
    awk 'NF == 4 { print $4 }' <<< "${SSH_CONNECTION:-}"
}

ports=$(ssh_ports | sort -nu)
rules=()
for port in $ports; do rules+=("limit $port/tcp"); done
case $kind in
    watch) ;;
    app) rules+=("allow 80/tcp" "allow 443/tcp") ;;
    database)
        : "${RAIOX_APP_ADDRESSES:?addresses of the application servers, e.g. 10.0.0.2 10.0.0.4}"
        for address in $RAIOX_APP_ADDRESSES ${RAIOX_REPLICA_ADDRESSES:-}; do
            rules+=("allow from $address to any port 5432 proto tcp")
        done
        ;;
    *)
        sed -n '2,7s/^# \{0,1\}//p' "$0" >&2
        exit 2
        ;;
esac
[ -n "$ports" ] || { echo "ufw.sh: sshd names no port" >&2 && exit 1; }
if [ "${2:-}" = --show ]; then
    printf -v line '%s; ' "${rules[@]}"
    echo "${line%; }"
    exit
fi
if [ "${2:-}" = --check ]; then
    ufw status | grep -qx "Status: active"
    added=$(ufw show added)
    for rule in "${rules[@]}"; do grep -qxF "ufw $rule" <<< "$added" || exit 1; done
    exit
fi
ufw default deny incoming
ufw default allow outgoing
for rule in "${rules[@]}"; do
    # shellcheck disable=SC2086  # the words of a rule
    ufw $rule
done
# First the rule for SSH, then the wall: whoever runs this stays connected.
ufw --force enable
