"""What belongs to a database and not to what it holds: who may connect, how it is set.

A dump carries none of it, so a database that is restored takes it from the one that it replaces.
"""

from typing import Any, Final

import psycopg
from psycopg import sql

Server = psycopg.Connection[Any]

_PRIVILEGES: Final = {
    "CONNECT": sql.SQL("CONNECT"), "CREATE": sql.SQL("CREATE"), "TEMPORARY": sql.SQL("TEMPORARY"),
}  # fmt: skip
_GRANTS: Final = """
SELECT r.rolname, a.privilege_type, a.is_grantable FROM pg_database d
CROSS JOIN LATERAL aclexplode(coalesce(d.datacl, acldefault('d', d.datdba))) a
LEFT JOIN pg_roles r ON r.oid = a.grantee WHERE d.datname = %s
"""
_SETTINGS: Final = """
SELECT r.rolname, split_part(c, '=', 1), substr(c, strpos(c, '=') + 1) FROM pg_db_role_setting s
JOIN pg_database d ON d.oid = s.setdatabase LEFT JOIN pg_roles r ON r.oid = s.setrole
CROSS JOIN LATERAL unnest(s.setconfig) c WHERE d.datname = %s
"""


def close(server: Server, name: str) -> None:
    """Nobody but its owner may connect to it, as long as nothing else is said."""
    server.execute(sql.SQL("REVOKE ALL ON DATABASE {} FROM PUBLIC").format(sql.Identifier(name)))


def take_over(server: Server, source: str, target: str) -> list[str]:
    """Give `target` the grants, the settings and the limit of connections of `source`.

    Returns the settings that this account may not make, as "NAME = VALUE": some are a superuser's.
    """
    for role, privilege, may_pass_on in server.execute(_GRANTS, [source]).fetchall():
        _grant(server, target, role, _PRIVILEGES[privilege], may_pass_on=may_pass_on)
    limit = "SELECT datconnlimit FROM pg_database WHERE datname = %s"
    [(connections,)] = server.execute(limit, [source]).fetchall()
    server.execute(
        sql.SQL("ALTER DATABASE {} CONNECTION LIMIT {}").format(sql.Identifier(target), connections)
    )
    found = server.execute(_SETTINGS, [source]).fetchall()
    return [
        f"{name} = {value}"
        for role, name, value in found
        if not _set(server, target, role, name, value)
    ]


def _grant(
    server: Server, database: str, role: str | None, privilege: sql.SQL, *, may_pass_on: bool
) -> None:
    whom = sql.SQL("PUBLIC") if role is None else sql.Identifier(role)
    more = sql.SQL(" WITH GRANT OPTION" if may_pass_on and role is not None else "")
    statement = sql.SQL("GRANT {} ON DATABASE {} TO {}{}")
    server.execute(statement.format(privilege, sql.Identifier(database), whom, more))


def _set(server: Server, database: str, role: str | None, name: str, value: str) -> bool:
    """From the session's own value: lists (search_path) are not one word."""
    whose = sql.SQL("DATABASE {}").format(sql.Identifier(database))
    if role is not None:
        whose = sql.SQL("ROLE {} IN {}").format(sql.Identifier(role), whose)
    try:
        with server.transaction():
            server.execute("SELECT set_config(%s, %s, true)", [name, value])
            what = sql.Identifier(*name.split("."))
            server.execute(sql.SQL("ALTER {} SET {} FROM CURRENT").format(whose, what))
    except psycopg.Error:
        return False
    return True
