#!/usr/bin/env bash
# remote.sh: has each of HOSTS release COMMIT, one after the other; the first that fails ends it with 1.
#
# Takes from the environment COMMIT, HOSTS (separated by spaces), KNOWN_HOSTS (their keys, as ssh-keyscan writes them)
# and SSH_KEY, whose other half runs release.sh on the machines and nothing else (deploy/OPERACAO.md).
# Example: COMMIT=$(git rev-parse HEAD) HOSTS=203.0.113.7 KNOWN_HOSTS=... SSH_KEY=... remote.sh
set -euo pipefail
: "${COMMIT:?}" "${HOSTS:?}" "${KNOWN_HOSTS:?}" "${SSH_KEY:?}"
umask 077
private=$(mktemp -d)
trap 'rm -rf "$private"' EXIT
printf '%s\n' "$KNOWN_HOSTS" > "$private/known_hosts"
printf '%s\n' "$SSH_KEY" > "$private/key"
for host in $HOSTS; do
    echo "== $host"
    ssh -T -i "$private/key" -o IdentitiesOnly=yes -o UserKnownHostsFile="$private/known_hosts" \
        -o StrictHostKeyChecking=yes -o BatchMode=yes -o ServerAliveInterval=30 "raiox-deploy@$host" "$COMMIT"
done
