"""What one load run is told, by `python -m deploy.load` or by the environment of a plain locust."""

import json
import os
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Self

VARIABLE = "LOAD_PLAN"
"""Names the file that holds the plan, for the locustfile."""


@dataclass(frozen=True)
class Plan:
    """Rates are arrivals a second; `late` is what `arrive` takes.

    `films` are pictures for searches; `parts` and `addresses` are what `bodies.jotform` takes,
    without which the webhooks are direct cases.
    """

    host: str
    token: str
    username: str
    password: str
    result: str
    seconds: int = 60
    webhooks: float = 100.0
    searches: float = 1.0
    pages: float = 1.0
    late: float = 0.25
    films: tuple[str, ...] = ()
    parts: dict[str, str] = field(default_factory=dict)
    addresses: tuple[str, ...] = ()

    def write(self, file: Path) -> None:
        """Readable by its owner alone: it holds a password and a token."""
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
        with os.fdopen(descriptor, "w") as out:
            json.dump(asdict(self), out)

    @classmethod
    def read(cls) -> Self:
        """The plan that the environment names."""
        values = json.loads(Path(os.environ[VARIABLE]).read_text())
        return cls(**values)
