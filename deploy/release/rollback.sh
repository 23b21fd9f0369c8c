#!/usr/bin/env bash
# rollback.sh [COMMIT]: the code of the release before, or of one that is still in /opt/raiox/releases, runs again.
# rollback.sh --migration APP NUMBER: takes migrations of an app back, down to NUMBER (0011, or zero); after the code.
#
# Code comes first: the code of before bears the newer tables. Taking a migration back loses what only it had room for,
# so that is done only where it must be: the database is backed up, and nothing is done if a migration can't be undone.
# Ends with 0 when it is so, with 1 and the reason when not. Examples: rollback.sh; rollback.sh --migration cases 0011
set -euo pipefail
FOLDER=$(cd "$(dirname "$(readlink -f "$0")")" && pwd)
# shellcheck source=deploy/release/lib.sh
. "$FOLDER/lib.sh"

main() {
    if [ "${1:-}" = --migration ] && [ $# = 3 ]; then
        alone
        migration "$2" "$3"
    elif [ $# -le 1 ] && [[ ${1:-} != -* ]]; then
        alone
        code "${1:-}"
    else
        usage
    fi
}

usage() {
    sed -n '2,8s/^# \{0,1\}//p' "$0" >&2
    exit 2
}

code() {
    local target
    target=$(release_of previous)
    if [ -n "$1" ]; then target=$RELEASES/$1; fi
    [ -f "$target/.complete" ] || die "there is no such release: ${1:-the one before}"
    [ "$target" != "$(release_of current)" ] || die "$(basename "$target") runs already"
    run "$target" || die "$(basename "$target") is not healthy: look at once"
    say "$(basename "$target") runs"
}

# The release that still has the migrations is the one that was installed last, and rolled back from.
migration() {
    local newer plan
    newer=$(installed | sed -n 1p)
    [ -n "$newer" ] || die "there is no release"
    # Older code may not even know that number.
    plan=$(manage "$(release_of current)" migrate "$1" "$2" --plan 2> /dev/null || true)
    if grep -q Undo <<< "$plan"; then
        die "the code that runs needs what would be undone: first the code, by rollback.sh"
    fi
    plan=$(manage "$newer" migrate "$1" "$2" --plan)
    grep -q Undo <<< "$plan" || die "nothing to undo: $plan"
    if grep -q IRREVERSIBLE <<< "$plan"; then die "can't be undone: $plan"; fi
    say "$plan"
    say "backing the database up"
    systemctl start raiox-backup-database.service 9>&- || die "the backup failed: journalctl -u raiox-backup-database"
    manage "$newer" migrate "$1" "$2" --no-input
    is_healthy "$(release_of current)" || die "undone, and what runs is not healthy: look at once"
    say "undone"
}

main "$@"
exit
