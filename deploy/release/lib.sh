# shellcheck shell=bash
# What release.sh and rollback.sh share. With RAIOX_ROOT everything happens below that folder, for trying it out.

ROOT=${RAIOX_ROOT:-}
HOME_FOLDER=$ROOT/opt/raiox
RELEASES=$HOME_FOLDER/releases
SETTINGS=$ROOT/etc/raiox/raiox.env
# Which static file has which name. The files of all releases lie side by side under names of their own.
MANIFEST=$ROOT/var/lib/raiox/static/staticfiles.json
WORKERS=$ROOT/etc/systemd/system/multi-user.target.wants
# Where the web process answers on this machine, and for how long it may take until all its parts do.
WEB=${RAIOX_WEB:-127.0.0.1:8000}
HEALTH_SECONDS=${RAIOX_HEALTH_SECONDS:-90}
# What all of them have said. No name in .log: those hold the service's own lines, which other programs judge.
RECORD=$ROOT/var/log/raiox/releases.txt
HALTED=no
# A migration that does not get its lock within this time fails, instead of letting all others wait behind it.
export PGOPTIONS="-c lock_timeout=5s"

say() { printf '%s  %s\n' "$(date +%H:%M:%S)" "$*"; }

die() {
    printf '%s: %s\n' "${0##*/}" "$*" >&2
    exit 1
}

# One release or rollback at a time; the kernel lets go of it when this process ends, however it does.
alone() {
    [ -n "$ROOT" ] || [ "$(id -u)" = 0 ] || die "run it as root"
    on_record
    mkdir -p "$RELEASES"
    exec 9> "$HOME_FOLDER/release.lock"
    flock --nonblock 9 || die "another release or rollback is under way"
}

# What has begun comes to its end, also when the connection breaks through which somebody watches: without that, a sick
# release could be left running. Its words go on into RECORD.
on_record() {
    trap '' PIPE HUP
    # A full disk is no reason not to come back.
    mkdir -p "$(dirname "$RECORD")" || true
    printf '%s  %s\n' "$(date '+%F %T')" "${0##*/}" >> "$RECORD" || true
    exec > >(record)
    RECORDERS=($!)
    exec 2> >(record >&2)
    RECORDERS+=($!)
    trap leave EXIT
}

# Ctrl-C is for the script, whose last words are still to be written down.
record() {
    trap '' INT
    exec tee -p -a "$RECORD"
}

leave() {
    if [ "$HALTED" = yes ]; then restart; fi
    exec >&- 2>&-
    wait "${RECORDERS[@]}" || true
}

# The release that a link (current, previous) leads to; empty when there is none.
release_of() { if [ -L "$HOME_FOLDER/$1" ]; then readlink -f "$HOME_FOLDER/$1"; fi; }

# All that are complete, the one that was installed last first.
installed() {
    local path
    find "$RELEASES" -mindepth 1 -maxdepth 1 -type d -printf '%T@ %p\n' | sort -rn | cut -d' ' -f2- |
        while read -r path; do if [ -f "$path/.complete" ]; then echo "$path"; fi; done
}

# manage RELEASE COMMAND...: a management command of that release, as the service's user, with its settings and secrets.
manage() {
    local release=$1
    shift
    COMMANDS=$((${COMMANDS:-0} + 1))
    systemd-run --quiet --collect --wait --pipe --service-type=exec --unit="raiox-manage-release-$$-$COMMANDS.service" \
        --setenv=PGOPTIONS="$PGOPTIONS" "$release/.venv/bin/python" "$release/manage.py" "$@" 9>&-
}

# What lies in the service's folder is touched with its rights alone: it could hold links to files of root's.
as_service() { runuser -u raiox -- "$@" 9>&-; }

# A link changes within one step: there is no moment without it.
link() {
    ln -sfn "$2" "$HOME_FOLDER/$1.new"
    mv -fT "$HOME_FOLDER/$1.new" "$HOME_FOLDER/$1"
}

# run RELEASE: this is the code from now on; 1 if it is not healthy. Requests wait in the socket while the web process
# is replaced. Where the bundled encoder answers it is the release's own: that of another one is refused, so workers stop
# before and cases wait. Each step says itself what follows: inside an "if", bash would go on after a failure.
run() {
    local before encoder=known units
    before=$(release_of current)
    as_service cp "$1/staticfiles.json" "$MANIFEST" && link current "$1" || return 1
    if [ -n "$before" ] && [ "$before" != "$1" ]; then link previous "$before"; fi
    # Nobody else would start what was stopped here, should this script end between.
    HALTED=yes
    mapfile -t units < <(workers)
    [ ${#units[@]} = 0 ] || systemctl stop "${units[@]}" 9>&- || say "the workers did not stop" >&2
    manage "$1" activate_encoder --bundled --if-none || encoder=unknown
    HALTED=no
    restart
    [ "$encoder" = known ] && is_healthy "$1"
}

restart() {
    local unit
    for unit in raiox-web.service $(workers); do
        systemctl restart "$unit" 9>&- || say "$unit did not start" >&2
    done
}

# The workers that start with this machine.
workers() {
    local unit
    for unit in "$WORKERS"/raiox-worker@*.service; do
        if [ -L "$unit" ]; then basename "$unit"; fi
    done
}

# All parts answer, out of this very release, and the workers have not fallen over.
is_healthy() {
    local unit
    python3 "$FOLDER/health.py" "$WEB" "$(setting PUBLIC_URL)" "$(cat "$1/REVISION")" "$HEALTH_SECONDS" || return 1
    for unit in $(workers); do
        if ! systemctl is-active --quiet "$unit" 9>&-; then
            say "$unit does not run" >&2
            return 1
        fi
    done
}

# The value of NAME in this machine's settings, without the quotes that systemd allows; empty when it is not there.
setting() { sed -n "s/^$1=//p" "$SETTINGS" | tail -n 1 | tr -d "\"'"; }
