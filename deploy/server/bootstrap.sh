#!/usr/bin/env bash
# From an empty Ubuntu 24.04 to an application server or a database server. Asks nothing, says what it did, and may be
# run again at any time: what is so already is left alone.
#
#   deploy/server/bootstrap.sh app
#   RAIOX_TIMERS=off deploy/server/bootstrap.sh app     # each further application server: the first makes the backups
#   RAIOX_APP_ADDRESSES=10.0.0.2 RAIOX_DATABASE_ADDRESS=10.0.0.3 deploy/server/bootstrap.sh database
#   deploy/server/bootstrap.sh tls        # on the application server, once its name leads to it
#
# RAIOX_REPLICA_ADDRESSES may follow the database (deploy/SCALING.md). --skip-packages leaves out apt. POSTGRESQL_MAJOR chooses the version (16).
set -euo pipefail
POSTGRESQL_MAJOR=${POSTGRESQL_MAJOR:-16}
FOLDER=$(cd "$(dirname "$0")" && pwd)
# shellcheck source=deploy/server/lib.sh
. "$FOLDER/lib.sh"
# shellcheck source=deploy/server/application.sh
. "$FOLDER/application.sh"
# shellcheck source=deploy/server/database.sh
. "$FOLDER/database.sh"

usage() { sed -n '2,/^set/ { /^#/ s/^# \{0,1\}//p }' "$0"; }

main() {
    local kind=
    local argument
    for argument; do
        case $argument in
            app | database | tls) kind=$argument ;;
            --skip-packages) WITH_PACKAGES=no ;;
            -h | --help)
                usage
                exit 0
                ;;
            *) die "unknown argument: $argument (try --help)" ;;
        esac
    done
    [ -n "$kind" ] || die "which server? app, database or tls (try --help)"
    [ "$(id -u)" = 0 ] || die "run it as root"
    [ "$POSTGRESQL_MAJOR" -ge 16 ] || die "PostgreSQL 16 or newer is needed, not $POSTGRESQL_MAJOR"
    umask 022
    case $kind in
        app) application_server ;;
        database) database_server ;;
        tls) certificate ;;
    esac
    say "ready" "$CHANGES steps changed something"
}

main "$@"
