# shellcheck shell=bash
# How a server is made: each step looks first whether it is so, makes it so if not, and looks again. Sourced by
# bootstrap.sh. With RAIOX_ROOT everything happens below that folder, for trying it out.

ROOT=${RAIOX_ROOT:-}
WITH_PACKAGES=yes
# Whether apt has asked what there is; an empty machine knows of nothing.
LISTS=old
# Counts the steps that changed something.
CHANGES=0

say() { printf '%-11s %s\n' "$1" "$2"; }

die() {
    printf 'bootstrap: %s\n' "$*" >&2
    exit 1
}

# ensure TEXT NAME ARGUMENTS...: is_NAME tells whether it is so, make_NAME makes it so.
ensure() {
    local text=$1 name=$2
    shift 2
    if "is_$name" "$@"; then
        say "already so" "$text"
        return
    fi
    "make_$name" "$@" >&2
    "is_$name" "$@" || die "$text: done, and still it is not so."
    CHANGES=$((CHANGES + 1))
    say "done" "$text"
}

# A number that belongs to a name, of the machine that is being made.
uid_of() { awk -F: -v name="$1" '$1 == name { print $3 }' "$ROOT/etc/passwd"; }
gid_of() { awk -F: -v name="$1" '$1 == name { print $3 }' "$ROOT/etc/group"; }

# --- Folders: PATH OWNER GROUP MODE ---
is_folder() {
    [ -d "$ROOT$1" ] && [ "$(stat -c '%u %g %a' "$ROOT$1")" = "$(uid_of "$2") $(gid_of "$3") $4" ]
}
make_folder() {
    mkdir -p "$ROOT$1"
    chown "$(uid_of "$2"):$(gid_of "$3")" "$ROOT$1"
    chmod "$4" "$ROOT$1"
}

# --- Files: SOURCE PATH MODE, root's; a source is a path, or text in a variable that begins with "=" ---
is_file() {
    [ -f "$ROOT$2" ] && [ "$(stat -c '%u %a' "$ROOT$2")" = "$(uid_of root) $3" ] && content "$1" | cmp -s - "$ROOT$2"
}
make_file() {
    mkdir -p "$ROOT$(dirname "$2")"
    content "$1" > "$ROOT$2.new"
    chmod "$3" "$ROOT$2.new"
    mv -f "$ROOT$2.new" "$ROOT$2"
}
content() {
    case $1 in
        =) ;;
        =*) printf '%s\n' "${1#=}" ;;
        *) cat "$1" ;;
    esac
}
file() { ensure "$2" file "$1" "$2" "${3:-644}"; }

# --- Files that are made once and are the operator's from then on: SOURCE PATH MODE ---
is_kept_file() { [ -f "$ROOT$2" ] && [ "$(stat -c '%u %a' "$ROOT$2")" = "$(uid_of root) $3" ]; }
make_kept_file() {
    [ -f "$ROOT$2" ] || make_file "$@"
    chown "$(uid_of root):$(gid_of root)" "$ROOT$2"
    chmod "$3" "$ROOT$2"
}

# --- Links: TARGET PATH; files that must not be there: PATH ---
is_link() { [ "$(readlink "$ROOT$2")" = "$1" ]; }
make_link() {
    mkdir -p "$ROOT$(dirname "$2")"
    ln -sfn "$1" "$ROOT$2"
}
is_absent() { [ ! -e "$ROOT$1" ] && [ ! -L "$ROOT$1" ]; }
make_absent() { rm -f "$ROOT$1"; }

# --- A user without a shell, a home or a password ---
is_user() { [ -n "$(uid_of "$1")" ]; }
make_user() {
    useradd ${ROOT:+--prefix "$ROOT"} --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$1"
}

is_member() { awk -F: -v name="$1" -v group="$2" '$1 == group { print $4 }' "$ROOT/etc/group" | tr , '\n' | grep -qx "$1"; }
make_member() { usermod ${ROOT:+--prefix "$ROOT"} --append --groups "$2" "$1"; }

# --- Packages ---
is_package() { dpkg-query --show --showformat '${db:Status-Status}\n' "$1" 2>/dev/null | grep -qx installed; }
# A new machine updates itself at first: that is waited for, ten minutes long. By itself apt waits for its other lock
# only.
update_lists() {
    local tries=1
    until apt-get update -qq; do
        [ "$tries" -lt 30 ] || return 1
        tries=$((tries + 1))
        sleep 20
    done
}
make_package() {
    if [ "$LISTS" = old ]; then update_lists; fi
    LISTS=new
    DEBIAN_FRONTEND=noninteractive NEEDRESTART_MODE=a \
        apt-get -o DPkg::Lock::Timeout=600 install -qq --no-install-recommends "$1"
}
packages() {
    if [ "$WITH_PACKAGES" = no ]; then
        say "left out" "packages: $*"
        return
    fi
    local name
    for name; do ensure "package $name" package "$name"; done
}

# The PostgreSQL project's own packages; the script of postgresql-common knows where they are and who signs them.
is_postgresql_repository() { grep -qsi 'signed-by' "$ROOT"/etc/apt/sources.list.d/pgdg.{sources,list}; }
make_postgresql_repository() {
    /usr/share/postgresql-common/pgdg/apt.postgresql.org.sh -y
    update_lists
}
postgresql_repository() {
    packages ca-certificates postgresql-common
    if [ "$WITH_PACKAGES" = yes ]; then
        ensure "the PostgreSQL project's packages" postgresql_repository
    fi
}

# --- systemd ---
is_enabled() { systemctl is-enabled --quiet "$1"; }
make_enabled() { systemctl enable --quiet "$1"; }
is_running() { systemctl is-active --quiet "$1"; }
make_running() { systemctl start "$1"; }
is_off() { ! is_enabled "$1" && ! is_running "$1"; }
make_off() { systemctl disable --quiet --now "$1"; }

# --- What programs have read: NAME COMMAND PATHS...; a run that broke off before it is made up for ---
READ=/var/lib/raiox-bootstrap
digest() { (cd "$ROOT/" && find "${@#/}" -type f -printf '%p %T@\n' | sort | sha256sum); }
is_read() { [ "$(cat "$ROOT$READ/$1" 2>/dev/null)" = "$(digest "${@:3}")" ]; }
make_read() {
    # shellcheck disable=SC2086  # the words of a command
    $2
    mkdir -p "$ROOT$READ"
    digest "${@:3}" > "$ROOT$READ/$1"
}

# --- Secrets: one file each, root's alone. NAME, and a command that makes one up or nothing ---
CREDENTIALS=/etc/raiox/credentials
is_credential() { is_kept_file "=" "$CREDENTIALS/$1" 600; }
make_credential() {
    local made=
    if [ ! -f "$ROOT$CREDENTIALS/$1" ] && [ -n "${2:-}" ]; then made=$("$2"); fi
    (umask 077 && make_kept_file "=$made" "$CREDENTIALS/$1" 600)
}
random() { openssl rand -hex 32; }

# The value of NAME in a file of settings, without the quotes that systemd allows (as in release/lib.sh); empty when it
# is not there.
setting() {
    if [ -f "$ROOT$2" ]; then sed -n "s/^$1=//p" "$ROOT$2" | tail -n 1 | tr -d "\"'"; fi
}
