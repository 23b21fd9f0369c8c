"""What is known of a backup of the database; written beside it once it is complete."""

import json
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from typing import Any, Final

from raiox.backups.errors import DamagedError
from raiox.backups.fingerprint import Fingerprint, Print

_VERSION: Final = 1
_STAMP: Final = "%Y-%m-%dT%H-%M-%S.%f"
SUFFIX: Final = ".json"


@dataclass(frozen=True)
class Manifest:
    """`size` and `sha256` are of the stored bytes; `postgres` and `tool` are major versions.

    `taken_at`: the moment that the backup shows. `tables`: what was in it then.
    """

    dump: str
    taken_at: datetime
    database: str
    environment: str
    size: int
    sha256: str
    encryption: str
    postgres: int
    tool: int
    raiox: str
    tables: Fingerprint

    @property
    def key(self) -> str:
        """Where it lies in the bucket."""
        return self.dump.rpartition(".dump")[0] + SUFFIX

    def to_json(self) -> bytes:
        """As it is stored."""
        tables = {name: each._asdict() for name, each in self.tables.items()}
        moment = self.taken_at.astimezone(UTC).isoformat()
        values = {**asdict(self), "tables": tables, "taken_at": moment, "version": _VERSION}
        return json.dumps(values, indent=1).encode()

    @classmethod
    def from_json(cls, data: bytes) -> "Manifest":
        """Raises `DamagedError` for what `to_json` did not write."""
        try:
            values: dict[str, Any] = json.loads(data)
            if values.pop("version") != _VERSION:
                raise DamagedError("The manifest is of another version of this program.")
            values["taken_at"] = datetime.fromisoformat(values["taken_at"])
            values["tables"] = {name: Print(**each) for name, each in values["tables"].items()}
            return cls(**values)
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise DamagedError("The manifest is not readable.") from error


def dump_key(folder: str, taken_at: datetime, encryption: str) -> str:
    """The key of a new dump; keys sort by time."""
    stamp = taken_at.astimezone(UTC).strftime(_STAMP)[:-3] + "Z"
    return f"{folder}{stamp}.dump" + (f".{encryption}" if encryption else "")
