#!/bin/bash
# A snapshot of a machine (DigitalOcean droplet), and no more than KEEP of them (default: 4).
#
#   snapshot_machine.sh [NAME_OR_ID]      default: SNAPSHOT_MACHINE, or the machine that this is
#
# Once a week by raiox-snapshot.timer, with doctl and a token of DigitalOcean's that may read and
# write droplets, images and snapshots: the credential DIGITALOCEAN_TOKEN, the variable
# DIGITALOCEAN_ACCESS_TOKEN, or `doctl auth init`. A snapshot of a running machine is what a power
# cut would leave: PostgreSQL recovers from it, and the backups of the database are what counts.
# Older ones are deleted only after a new one is there.
set -euo pipefail

usage() {
  sed -n '2,/^set/{/^set/d;s/^# \{0,1\}//;p}' "$0"
}

say() {
  echo "snapshot_machine: $*"
}

fail() {
  say "$*" >&2
  exit 1
}

if [ "${1:-}" = "--help" ] || [ "${1:-}" = "-h" ]; then
  usage
  exit 0
fi
[ $# -le 1 ] || { usage >&2; exit 2; }
machine=${1:-${SNAPSHOT_MACHINE:-$(hostname)}}
keep=${KEEP:-4}
[[ "$keep" =~ ^[1-9][0-9]*$ ]] || fail "KEEP must be a number from 1 on, it is '$keep'"
command -v doctl >/dev/null || fail "doctl is not installed: https://docs.digitalocean.com/reference/doctl/"
if [ -n "${CREDENTIALS_DIRECTORY:-}" ] && [ -s "$CREDENTIALS_DIRECTORY/DIGITALOCEAN_TOKEN" ]; then
  DIGITALOCEAN_ACCESS_TOKEN=$(<"$CREDENTIALS_DIRECTORY/DIGITALOCEAN_TOKEN")
  export DIGITALOCEAN_ACCESS_TOKEN
fi
if [ ! -w "${HOME:-/nonexistent}" ]; then  # a unit's own user has none, and doctl wants a folder of its own
  XDG_CONFIG_HOME=$(mktemp -d)
  export XDG_CONFIG_HOME
  trap 'rm -rf "$XDG_CONFIG_HOME"' EXIT
fi

found=$(doctl compute droplet list --format ID,Name --no-header |
  awk -v wanted="$machine" '$1 == wanted || $2 == wanted') || fail "doctl could not list the machines"
[ -n "$found" ] || fail "there is no machine $machine"
[ "$(wc -l <<<"$found")" -eq 1 ] || fail "several machines are called $machine: give its ID"
read -r id name <<<"$found"

# Ours are told by their names; whatever else somebody made stays.
prefix="raiox-weekly-$name-"

ours() {  # "ID NAME" of our snapshots of this machine, the newest first: names hold the time
  doctl compute snapshot list --resource droplet --format ID,Name,ResourceId --no-header |
    awk -v prefix="$prefix" -v id="$id" 'index($2, prefix) == 1 && $3 == id { print $1, $2 }' |
    sort -k2,2r
}

new="$prefix$(date -u +%Y%m%dT%H%M%SZ)"
say "taking $new of machine $id; this can take long"
doctl compute droplet-action snapshot "$id" --snapshot-name "$new" --wait >/dev/null ||
  fail "the snapshot failed; nothing was deleted"
have=$(ours) || fail "doctl could not list the snapshots; nothing was deleted"
grep -q " $new\$" <<<"$have" || fail "the snapshot $new is not there; nothing was deleted"

tail -n +"$((keep + 1))" <<<"$have" | while read -r old old_name; do
  doctl compute snapshot delete "$old" --force || fail "$old_name could not be deleted"
  say "deleted $old_name"
done
say "$new is there; $(ours | wc -l) are kept"
