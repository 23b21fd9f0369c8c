# shellcheck shell=bash
# The steps of a database server. Sourced by bootstrap.sh.

DATABASE_SETTINGS=/etc/raiox/database.env
PASSWORD=$CREDENTIALS/DATABASE_PASSWORD

database_server() {
    remember_addresses
    packages ufw openssl unattended-upgrades
    postgresql_repository
    packages "postgresql-$POSTGRESQL_MAJOR" "postgresql-$POSTGRESQL_MAJOR-pgvector"
    ensure "$CREDENTIALS, root's alone" folder "$CREDENTIALS" root root 700
    ensure "the database's password" credential DATABASE_PASSWORD random
    postgresql_files
    ensure "role raiox with its password, database raiox, extension vector" database
    if [ -n "$RAIOX_REPLICA_ADDRESSES" ]; then
        ensure "the replicas' password" credential REPLICATION_PASSWORD random
        ensure "role raiox_replica with its password" replica_role
    fi
    ensure "firewall: $("$FOLDER/ufw.sh" database --show)" firewall database
    say "to do" "on the application server: DATABASE_URL in $CREDENTIALS, with this machine's password"
}

# Given once in the environment, known from then on.
remember_addresses() {
    RAIOX_APP_ADDRESSES=${RAIOX_APP_ADDRESSES:-$(setting RAIOX_APP_ADDRESSES "$DATABASE_SETTINGS")}
    RAIOX_DATABASE_ADDRESS=${RAIOX_DATABASE_ADDRESS:-$(setting RAIOX_DATABASE_ADDRESS "$DATABASE_SETTINGS")}
    [ -n "$RAIOX_APP_ADDRESSES" ] || die "RAIOX_APP_ADDRESSES: from which private addresses may be connected?"
    [ -n "$RAIOX_DATABASE_ADDRESS" ] || die "RAIOX_DATABASE_ADDRESS: which is this machine's private address?"
    # Of machines that follow this one (deploy/SCALING.md); mostly there are none.
    RAIOX_REPLICA_ADDRESSES=${RAIOX_REPLICA_ADDRESSES:-$(setting RAIOX_REPLICA_ADDRESSES "$DATABASE_SETTINGS")}
    export RAIOX_APP_ADDRESSES RAIOX_REPLICA_ADDRESSES
    file "=RAIOX_APP_ADDRESSES=$RAIOX_APP_ADDRESSES
RAIOX_DATABASE_ADDRESS=$RAIOX_DATABASE_ADDRESS
RAIOX_REPLICA_ADDRESSES=$RAIOX_REPLICA_ADDRESSES" "$DATABASE_SETTINGS"
}

postgresql_files() {
    local place=/etc/postgresql/$POSTGRESQL_MAJOR/main
    file "$FOLDER/postgresql/common.conf" "$place/conf.d/raiox-common.conf"
    file "$FOLDER/postgresql/$(size).conf" "$place/conf.d/raiox-size.conf"
    file "=listen_addresses = 'localhost, $RAIOX_DATABASE_ADDRESS'" "$place/conf.d/raiox-address.conf"
    file "=$(kept_log)" "$place/conf.d/raiox-replicas.conf"
    # PostgreSQL reads it as its own user.
    file "=$(who_may_connect)" "$place/pg_hba.conf"
    # It listens at the private address only if that is there when it starts.
    file "=[Unit]
Wants=network-online.target
After=network-online.target" "$UNITS/postgresql@.service.d/raiox.conf"
    ensure "systemd has read its units" read systemd "systemctl daemon-reload" "$UNITS"
    ensure "PostgreSQL has read its files" read postgresql \
        "systemctl restart postgresql@$POSTGRESQL_MAJOR-main" "$place"
}

# The largest of our files that fits this machine; half of 8 GB counts as 2 GB.
size() {
    local megabytes
    megabytes=$(($(sed -n 's/^MemTotal: *\([0-9]*\) kB/\1/p' "${RAIOX_MEMINFO:-/proc/meminfo}") / 1024))
    if [ "$megabytes" -ge 7000 ]; then echo 8gb; else echo 2gb; fi
}

# By address, over TLS, with a password that never travels; PostgreSQL's own user from this machine only.
who_may_connect() {
    local address
    echo "# Written by bootstrap.sh from RAIOX_APP_ADDRESSES and RAIOX_REPLICA_ADDRESSES."
    echo "local   all  postgres                    peer"
    for address in 127.0.0.1 $RAIOX_APP_ADDRESSES; do
        echo "hostssl all  raiox     $(network "$address")  scram-sha-256"
    done
    if [ -z "$RAIOX_REPLICA_ADDRESSES" ]; then return; fi
    for address in 127.0.0.1 $RAIOX_REPLICA_ADDRESSES; do
        echo "hostssl replication  raiox_replica  $(network "$address")  scram-sha-256"
    done
}

network() {
    case $1 in
        */*) echo "$1" ;;
        *:*) echo "$1/128" ;;
        *) echo "$1/32" ;;
    esac
}

# A replica that was away for longer must be copied anew; none of them can fill this disk.
kept_log() {
    if [ -n "$RAIOX_REPLICA_ADDRESSES" ]; then
        echo "wal_keep_size = '1GB'"
    else
        echo "# There are no replicas (RAIOX_REPLICA_ADDRESSES)."
    fi
}

# As the application will: by its password, over TLS; and nobody else.
is_database() {
    PGPASSWORD=$(cat "$ROOT$PASSWORD") psql --no-psqlrc --quiet --tuples-only --no-align \
        "host=127.0.0.1 user=raiox dbname=raiox sslmode=require" \
        -c "SELECT 'there' FROM pg_extension WHERE extname = 'vector'
            AND NOT has_database_privilege('public', 'raiox', 'CONNECT')
            AND NOT has_database_privilege('public', 'postgres', 'CONNECT')" 2>/dev/null | grep -qx there
}
make_database() {
    as_postgres database.sql "$PASSWORD"
}

is_replica_role() {
    PGPASSWORD=$(cat "$ROOT$CREDENTIALS/REPLICATION_PASSWORD") psql --no-psqlrc --quiet \
        "host=127.0.0.1 user=raiox_replica replication=true sslmode=require" -c IDENTIFY_SYSTEM > /dev/null 2>&1
}
make_replica_role() { as_postgres replica.sql "$CREDENTIALS/REPLICATION_PASSWORD"; }

# as_postgres SQL PASSWORD: opened by root, since its user may not look into the folder that this lies in (/root).
as_postgres() {
    runuser -u postgres -- psql --no-psqlrc --quiet -v ON_ERROR_STOP=1 -f /dev/fd/3 \
        3< "$FOLDER/postgresql/$1" < "$ROOT$2"
}
