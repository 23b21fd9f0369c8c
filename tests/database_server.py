"""The database server of all tests: the embedded one, or the one that DATABASE_URL names."""

from typing import Any
from urllib.parse import quote

from django.db import connection

_PARTS = ("host", "port", "user", "password")


def place() -> dict[str, Any]:
    """What leads to it, for psycopg; all but the database's name."""
    params = connection.get_connection_params()
    return {key: params[key] for key in _PARTS if params.get(key)}


def url(place: dict[str, Any], database: str) -> str:
    """A database of the server as DATABASE_URL. A host may be the folder of a socket."""
    who = quote(str(place["user"]), safe="")
    if "password" in place:
        who += f":{quote(str(place['password']), safe='')}"
    port = f"&port={place['port']}" if "port" in place else ""
    return f"postgresql://{who}@/{database}?host={place['host']}{port}"
