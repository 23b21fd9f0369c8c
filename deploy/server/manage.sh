#!/usr/bin/env bash
# raiox-manage COMMAND...: a management command of the release that runs, with the service's own user, settings and
# secrets and no more rights than it has (product.conf and 10-hardened.conf count for it by its name). Its exit code is
# the command's. Files that it is to read or write lie below /var/lib/raiox: it sees neither /root nor this machine's
# /tmp. Example: raiox-manage check --deploy
set -euo pipefail
[ $# -gt 0 ] || { sed -n '2,5s/^# //p' "$0" >&2; exit 2; }
[ "$(id -u)" = 0 ] || { echo "raiox-manage: run it as root" >&2; exit 2; }
way=--pipe
if [ -t 0 ] && [ -t 1 ]; then way=--pty; fi
exec systemd-run --quiet --collect --wait --service-type=exec "$way" --unit="raiox-manage-$$.service" \
    /opt/raiox/current/.venv/bin/python manage.py "$@"
