# shellcheck shell=bash
# The steps of an application server. Sourced by bootstrap.sh.

SETTINGS=/etc/raiox/raiox.env
APPLICATION_SETTINGS=/etc/raiox/application.env
UNITS=/etc/systemd/system
RELEASE=/opt/raiox/current
# Those that run the product get product.conf: its user, settings and secrets.
BACKUP_UNITS="raiox-backup-database.service raiox-backup-objects.service raiox-verify-backup.service
    raiox-manage-.service"
PRODUCT_UNITS="raiox-web.service raiox-worker@.service $BACKUP_UNITS"
TIMERS="raiox-backup-database.timer raiox-backup-objects.timer raiox-verify-backup.timer raiox-snapshot.timer"

application_server() {
    # git: releases are fetched by it. age: makes the key of the backups, and opens one without us.
    packages curl openssl git age python3 python3-venv nginx certbot fail2ban python3-systemd ufw logrotate \
        unattended-upgrades
    postgresql_repository
    # Tools for backups: of the server's version, never an older one.
    packages "postgresql-client-$POSTGRESQL_MAJOR"
    if [ "$WITH_PACKAGES" = yes ]; then backup_tools_are_new_enough; fi
    places
    remember_timers
    settings_and_secrets
    units
    log_rotation
    web_server
    bans
    ensure "firewall: $("$FOLDER/ufw.sh" app --show)" firewall app
    services
    if [ "$RAIOX_TIMERS" = on ]; then snapshots; fi
}

# Backups are one machine's work: two would make two dumps, and delete each other's scratch databases. Given once in the
# environment, known from then on.
remember_timers() {
    RAIOX_TIMERS=${RAIOX_TIMERS:-$(setting RAIOX_TIMERS "$APPLICATION_SETTINGS")}
    RAIOX_TIMERS=${RAIOX_TIMERS:-on}
    [[ $RAIOX_TIMERS =~ ^(on|off)$ ]] || die "RAIOX_TIMERS is on or off, not $RAIOX_TIMERS"
    file "=RAIOX_TIMERS=$RAIOX_TIMERS" "$APPLICATION_SETTINGS"
}

backup_tools_are_new_enough() {
    local have
    have=$(pg_dump --version | sed -E 's/[^0-9]*([0-9]+).*/\1/')
    [ "$have" -ge "$POSTGRESQL_MAJOR" ] ||
        die "pg_dump is of version $have, the server of $POSTGRESQL_MAJOR: its backups would fail"
    say "already so" "pg_dump $have is not older than the server ($POSTGRESQL_MAJOR)"
}

places() {
    ensure "user raiox" user raiox
    ensure "/opt/raiox/releases" folder /opt/raiox/releases root root 755
    ensure "/etc/raiox" folder /etc/raiox root root 755
    ensure "$CREDENTIALS, root's alone" folder "$CREDENTIALS" root root 700
    ensure "/var/lib/raiox" folder /var/lib/raiox raiox raiox 750
    # nginx sends films of the local folder (FILES_X_ACCEL).
    ensure "nginx's user reads what raiox keeps" member www-data raiox
    # systemd opens the logs: the service itself can neither read nor change what it has said.
    ensure "/var/log/raiox" folder /var/log/raiox root adm 750
    file "$FOLDER/manage.sh" /usr/local/sbin/raiox-manage 755
}

settings_and_secrets() {
    ensure "$SETTINGS, yours to fill in" kept_file "$FOLDER/raiox.env" "$SETTINGS" 644
    local name
    for name in $(credentials); do
        case $name in
            SECRET_KEY | WEBHOOK_TOKENS) ensure "secret $name" credential "$name" random ;;
            *) ensure "secret $name" credential "$name" ;;
        esac
    done
    for name in $(credentials); do
        [ -s "$ROOT$CREDENTIALS/$name" ] || say "empty" "$CREDENTIALS/$name"
    done
}

# Every secret that a unit asks for.
credentials() { sed -n 's/^LoadCredential=\([A-Z_]*\):.*/\1/p' "$FOLDER"/systemd/*.{conf,service} | sort -u; }

units() {
    local unit
    for unit in "$FOLDER"/systemd/raiox-*.{service,socket,timer}; do
        file "$unit" "$UNITS/$(basename "$unit")"
    done
    file "$FOLDER/systemd/raiox-.service.d/10-hardened.conf" "$UNITS/raiox-.service.d/10-hardened.conf"
    for unit in $PRODUCT_UNITS; do
        file "$FOLDER/systemd/product.conf" "$UNITS/$unit.d/20-product.conf"
    done
    for unit in $BACKUP_UNITS; do
        file "$FOLDER/systemd/backups.conf" "$UNITS/$unit.d/30-backups.conf"
    done
    ensure "systemd has read its units" read systemd "systemctl daemon-reload" "$UNITS"
}

log_rotation() { file "$FOLDER/logrotate/raiox" /etc/logrotate.d/raiox; }

# --- nginx ---
web_server() {
    local host site
    host=$(public_host)
    ensure "/var/www/certbot" folder /var/www/certbot root root 755
    ensure "nginx shows no page of its own" absent /etc/nginx/sites-enabled/default
    file "$FOLDER/nginx/raiox-limits.conf" /etc/nginx/conf.d/raiox-limits.conf
    file "$FOLDER/nginx/raiox-locations.conf" /etc/nginx/snippets/raiox-locations.conf
    file "$FOLDER/nginx/raiox-proxy.conf" /etc/nginx/snippets/raiox-proxy.conf
    file "=$(metrics_readers)" /etc/nginx/snippets/raiox-metrics.conf
    file "=$(for_host "$host" raiox-inside.conf)" /etc/nginx/sites-available/raiox-inside
    file "=$(known_proxies)" /etc/nginx/conf.d/raiox-proxies.conf
    if [ -f "$ROOT/etc/letsencrypt/live/$host/fullchain.pem" ]; then
        file "=$(for_host "$host" raiox-tls.conf)" /etc/nginx/sites-available/raiox
    else
        file "=$(for_host "$host" raiox-http.conf)" /etc/nginx/sites-available/raiox
    fi
    for site in raiox raiox-inside; do
        ensure "$site is served" link "../sites-available/$site" "/etc/nginx/sites-enabled/$site"
    done
    ensure "nginx has read its files" read nginx reload_nginx /etc/nginx
}

reload_nginx() {
    nginx -t -q ${ROOT:+-c "$ROOT/etc/nginx/nginx.conf"}
    systemctl reload-or-restart nginx
}

# The name in PUBLIC_URL; before that is filled in, a name that nobody asks for.
public_host() {
    local url
    url=$(setting PUBLIC_URL "$SETTINGS")
    url=${url#*://}
    url=${url%%[:/]*}
    echo "${url:-raiox.invalid}"
}

for_host() { sed "s/@HOST@/$1/g" "$FOLDER/nginx/$2"; }

# Who may read /metrics: loopback, and METRICS_NETWORKS of the settings.
metrics_readers() {
    local entry
    for entry in 127.0.0.1 ::1 $(setting METRICS_NETWORKS "$SETTINGS" | tr ',' ' '); do
        printf 'allow %s;\n' "$entry"
    done | awk '!seen[$0]++'
    echo "deny all;"
}

# Balancers in front of this nginx, out of TRUSTED_PROXIES: what they say of clients' addresses is believed.
known_proxies() {
    local entry
    echo "# From TRUSTED_PROXIES in $SETTINGS."
    for entry in $(setting TRUSTED_PROXIES "$SETTINGS" | tr ',' ' '); do
        case $entry in
            127.* | ::1*) ;;
            *) printf 'set_real_ip_from %s;\n' "$entry" ;;
        esac
    done
    printf 'real_ip_header X-Forwarded-For;\nreal_ip_recursive on;\n'
}

# Once the name leads here: a certificate by the plain HTTP site, then the site with TLS.
certificate() {
    local host mail
    host=$(public_host)
    [ "$host" != raiox.invalid ] || die "PUBLIC_URL in $SETTINGS names no host"
    mail=$(setting CERTBOT_EMAIL "$SETTINGS")
    [ -n "$mail" ] || die "CERTBOT_EMAIL in $SETTINGS is empty: whom shall the authority write to?"
    ensure "certificate for $host" certificate "$host" "$mail"
    web_server
    [ "$(setting RAIOX_TLS "$SETTINGS")" = on ] ||
        say "to do" "RAIOX_TLS=on and https in PUBLIC_URL in $SETTINGS, then: systemctl restart raiox-web"
}
# One that has run out, or does within the week, is none: certbot brings another one.
is_certificate() {
    local file=$ROOT/etc/letsencrypt/live/$1/fullchain.pem
    [ -f "$file" ] && openssl x509 -checkend 604800 -noout -in "$file" > /dev/null
}
make_certificate() {
    certbot certonly --webroot --webroot-path /var/www/certbot --domain "$1" --email "$2" --agree-tos \
        --no-eff-email --non-interactive --deploy-hook "systemctl reload nginx"
}

# --- fail2ban, ufw ---
bans() {
    local part
    # It does not start without the files that it reads.
    ensure "/var/log/raiox/web.log" log /var/log/raiox/web.log
    ensure "/var/log/nginx/raiox.log" log /var/log/nginx/raiox.log
    for part in "$FOLDER"/fail2ban/filter.d/*.conf; do
        file "$part" "/etc/fail2ban/filter.d/$(basename "$part")"
    done
    file "$FOLDER/fail2ban/jail.d/raiox.conf" /etc/fail2ban/jail.d/raiox.conf
    ensure "fail2ban has read its files" read fail2ban "systemctl reload-or-restart fail2ban" /etc/fail2ban
}

is_log() { [ -f "$ROOT$1" ]; }
make_log() { (umask 027 && mkdir -p "$ROOT$(dirname "$1")" && touch "$ROOT$1"); }

is_firewall() { "$FOLDER/ufw.sh" "$1" --check; }
make_firewall() { "$FOLDER/ufw.sh" "$1"; }

# --- What runs ---
services() {
    local unit number timers=$TIMERS
    ensure "raiox-web.socket at each start" enabled raiox-web.socket
    ensure "raiox-web at each start" enabled raiox-web.service
    for number in $(seq "${RAIOX_WORKERS:-1}"); do
        ensure "worker $number at each start" enabled "raiox-worker@$number.service"
    done
    if [ "$RAIOX_TIMERS" = off ]; then
        for unit in $TIMERS; do ensure "$unit is another machine's" off "$unit"; done
        timers=
    fi
    for unit in $timers; do ensure "$unit at each start" enabled "$unit"; done
    if [ ! -e "$ROOT$RELEASE" ]; then
        say "to do" "no release is installed: nothing is started yet"
        return
    fi
    for unit in raiox-web.socket raiox-web.service $timers; do ensure "$unit runs" running "$unit"; done
    for number in $(seq "${RAIOX_WORKERS:-1}"); do
        ensure "worker $number runs" running "raiox-worker@$number.service"
    done
}

# Their timer is left out by systemd, without a word to anybody, until both are there (raiox-snapshot.service).
snapshots() {
    if [ ! -x "$ROOT/usr/local/bin/doctl" ] || [ ! -s "$ROOT$CREDENTIALS/DIGITALOCEAN_TOKEN" ]; then
        say "off" "weekly snapshots: they need /usr/local/bin/doctl and $CREDENTIALS/DIGITALOCEAN_TOKEN (deploy/OPERACAO.md)"
    fi
}
