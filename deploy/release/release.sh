#!/usr/bin/env bash
# release.sh COMMIT [--accept APP.MIGRATION]... [--bundled-encoder]: lets this machine run that commit (40 digits).
#
# Fetches it and refuses what is not on this machine's branch: main for production, stage for stage (RAIOX_ENV in
# /etc/raiox/raiox.env); also what is older than the commit that runs: the way back is rollback.sh. Installs it beside
# the running release, backs the database up before migrations and refuses those that would stop or break what runs,
# switches, and asks for its health; when that is bad, the code of before comes back. Where the bundled encoder answers
# and this commit has another one, the catalogue gets its vectors before the switch: one to three minutes for 1,000
# references. Ends with 0 when the commit runs, with 1 and the reason when not. --accept: somebody has read what
# check_migrations says of that one. --bundled-encoder: of a first installation, whose encoder nobody has chosen yet.
# Example: release.sh 0123456789abcdef0123456789abcdef01234567
set -euo pipefail
FOLDER=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=deploy/release/lib.sh
. "$FOLDER/lib.sh"

KEEP=5
REPOSITORY=$HOME_FOLDER/repository.git

main() {
    local commit=${1:-} release before earlier accept=() bundled=no
    [[ $commit =~ ^[0-9a-f]{40}$ ]] || { sed -n '2,11s/^# \{0,1\}//p' "$0" >&2 && exit 2; }
    shift
    while [ $# -gt 0 ]; do
        case $1 in
            --accept) accept+=(--accept "${2:?}") && shift 2 ;;
            --bundled-encoder) bundled=yes && shift ;;
            *) die "unknown: $1" ;;
        esac
    done
    alone
    release=$RELEASES/$commit
    before=$(release_of current)
    earlier=$(release_of previous)
    fetch "$commit"
    install_code "$commit" "$release"
    say "checking the settings"
    manage "$release" check --deploy
    manage "$release" check_environment
    migrate "$release" "${accept[@]}"
    if [ "$bundled" = yes ]; then manage "$release" activate_encoder --bundled --if-none; fi
    manage "$release" prepare
    # While the release of before answers, by its own.
    manage "$release" reembed --bundled
    as_service cat "$MANIFEST" > "$release/staticfiles.json"
    say "switching"
    if run "$release"; then
        forget_old
        say "$commit runs"
        return
    fi
    come_back "$before" "$release" "$earlier"
}

# fetch COMMIT: whoever may start releases (a key of the workflow's) brings here nothing but what was merged.
fetch() {
    local branch
    case $(setting RAIOX_ENV) in
        production) branch=main ;;
        stage) branch=stage ;;
        *) die "RAIOX_ENV in $SETTINGS is neither production nor stage: which branch does this machine run?" ;;
    esac
    say "fetching $1"
    git -C "$REPOSITORY" fetch --quiet origin '+refs/heads/*:refs/heads/*'
    git -C "$REPOSITORY" cat-file -e "$1^{commit}" || die "the repository has no commit $1"
    git -C "$REPOSITORY" cat-file -e "refs/heads/$branch" || die "the repository has no branch $branch"
    git -C "$REPOSITORY" merge-base --is-ancestor "$1" "refs/heads/$branch" ||
        die "$1 is not on the branch $branch, which this machine runs: merge it there first"
    refuse_older "$1" "$(basename "$(release_of current)")"
}

# refuse_older COMMIT RUNNING: a workflow of before that is run again would silently take back what came since.
refuse_older() {
    if [ -n "$2" ] && [ "$1" != "$2" ] && git -C "$REPOSITORY" merge-base --is-ancestor "$1" "$2" 2> /dev/null; then
        die "$1 is older than $2, which runs: rollback.sh leads back"
    fi
}

# install_code COMMIT RELEASE: complete, or begun anew by the next run.
install_code() {
    if [ -f "$2/.complete" ]; then
        say "$1 is installed already"
        return
    fi
    rm -rf "$2"
    mkdir -p "$2"
    git -C "$REPOSITORY" archive "$1" | tar -x -C "$2"
    echo "$1" > "$2/REVISION"
    say "installing its packages"
    "${RAIOX_INSTALL:-install_packages}" "$2"
    "$2/.venv/bin/python" -m compileall -q "$2/raiox" "$2/implants" "$2/webhooks" "$2/cases"
    touch "$2/.complete"
}

# shellcheck disable=SC2317  # called by its name
install_packages() {
    python3 -m venv "$1/.venv"
    "$1/.venv/bin/python" -m pip --disable-pip-version-check --no-input install --quiet --require-hashes \
        --only-binary :all: --requirement "$1/requirements/base.txt"
}

# migrate RELEASE [--accept ...]: nothing is switched before this is through.
migrate() {
    local release=$1
    shift
    if manage "$release" migrate --check > /dev/null 2>&1; then
        say "no migrations"
        return
    fi
    say "checking the migrations"
    manage "$release" check_migrations "$@"
    back_up "$release"
    say "migrating"
    manage "$release" migrate --no-input
}

# back_up RELEASE: whatever the database holds. Not the machine tells that: one that is new, or stands for a lost one,
# has no release yet, and the database may be the one that everybody works with.
back_up() {
    local applied
    applied=$(manage "$1" showmigrations --plan) || die "the database does not say which migrations it has"
    if ! grep -q '^\[X\]' <<< "$applied"; then
        say "the database is empty: nothing to back up"
    elif [ -n "$(release_of current)" ]; then
        say "backing the database up"
        systemctl start raiox-backup-database.service 9>&- || die "the backup failed: journalctl -u raiox-backup-database"
    else
        say "backing the database up"
        manage "$1" backup_database || die "the backup failed"
    fi
}

come_back() {
    [ -n "$1" ] || die "this first release is not healthy; there is none to come back to"
    [ "$1" != "$2" ] || die "the release that runs is not healthy; rollback.sh leads to the one before"
    say "coming back to $(basename "$1")" >&2
    run "$1" || die "$(basename "$2") is not healthy, and neither is the release of before: look at once"
    # What is not healthy is no release to roll back to.
    if [ -n "$3" ]; then link previous "$3"; else rm -f "$HOME_FOLDER/previous"; fi
    die "$(basename "$2") was not healthy: $(basename "$1") runs again. Migrations stay: the code of before bears them"
}

# The newest KEEP stay, and whatever a link leads to.
forget_old() {
    local old
    installed | tail -n "+$((KEEP + 1))" | while read -r old; do
        if [ "$old" != "$(release_of current)" ] && [ "$old" != "$(release_of previous)" ]; then rm -rf "$old"; fi
    done
}

main "$@"
exit
