"""Bodies of webhooks, each of a submission of its own."""

import json
import secrets
from collections.abc import Mapping

# No address of this host is ever allowed or asked for: such a case costs Jotform nothing.
_NOWHERE = "https://load.invalid"
_START = secrets.randbelow(10**9) * 10**8


def jotform(parts: Mapping[str, str], film: str, number: int) -> tuple[bytes, str]:
    """Body and content type as Jotform sends them, of a submission that has the film at `film`.

    `parts` are those of one real delivery with one film: what tells submissions apart is exchanged.
    """
    submission = str(_START + number)
    raw = json.loads(parts["rawRequest"])
    raw = {name: [film] if _is_film(value) else value for name, value in raw.items()}
    told = json.dumps(raw, separators=(",", ":")).replace("/", "\\/")
    mine = {**parts, "submissionID": submission, "rawRequest": told}
    boundary = secrets.token_hex(16)
    lines = [
        f'--{boundary}\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}\r\n'
        for name, value in mine.items()
    ]
    body = "".join([*lines, f"--{boundary}--\r\n"]).encode()
    return body, f"multipart/form-data; boundary={boundary}"


def direct(number: int) -> tuple[bytes, str]:
    """A direct case of the default form, whose film is refused before anything is downloaded."""
    body = {
        "image_url": f"{_NOWHERE}/{_START + number}.png",
        "client_id": "load",
        "metadata": {"number": _START + number},
    }
    return json.dumps(body).encode(), "application/json"


def _is_film(value: object) -> bool:
    return isinstance(value, list) and str(value[0]).startswith("http")
