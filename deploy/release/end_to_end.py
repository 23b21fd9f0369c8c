"""end_to_end.py: sends a film to a service that runs, and waits until its case is pending.

Takes from the environment PUBLIC_URL, E2E_WEBHOOK_TOKEN, E2E_FILM_URL (a film on a host that the
service may download from: an upload of the stage form) and E2E_USERNAME with E2E_PASSWORD, an
account from `manage.py machine_account end-to-end --group Leitores`. The film comes as a direct
image, so no answer is written anywhere. Prints how long it took; exits with 1 and the reason when
there is no case with candidates within SECONDS. Standard library alone.

Example: PUBLIC_URL=https://stage.raiox.example E2E_... python3 deploy/release/end_to_end.py
"""

import hashlib
import json
import os
import sys
import time
import uuid
from typing import Any
from urllib.error import HTTPError, URLError
from urllib.parse import urlencode
from urllib.request import Request, urlopen

SECONDS = 60


class Failed(Exception):
    """What went wrong, in words."""


def call(path: str, body: bytes | None = None, token: str = "") -> Any:
    """The JSON that the service answers; raises `Failed`, without the address: it may be secret."""
    headers = {"Content-Type": "application/json"} if body else {}
    headers |= {"Authorization": f"Bearer {token}"} if token else {}
    request = Request(os.environ["PUBLIC_URL"].rstrip("/") + path, body, headers)  # noqa: S310
    try:
        with urlopen(request, timeout=20) as answer:  # noqa: S310  # our own service's address
            return json.loads(answer.read())
    except HTTPError as error:
        raise Failed(f"the service answers {error.code}") from None
    except (URLError, OSError, ValueError) as error:
        raise Failed(f"the service does not answer ({type(error).__name__})") from None


def log_in() -> str:
    """A token for looking at cases."""
    name, password = os.environ["E2E_USERNAME"], os.environ["E2E_PASSWORD"]
    body = json.dumps({"username": name, "password": password}).encode()
    return str(call("/auth/token", body)["access"])


def send_film() -> str:
    """The submission's id; each run is another one."""
    film = {"image_url": os.environ["E2E_FILM_URL"], "client_id": f"end-to-end {uuid.uuid4()}"}
    body = json.dumps(film).encode()
    answer = call(f"/webhook/{os.environ['E2E_WEBHOOK_TOKEN']}", body)
    if answer.get("status") != "accepted":
        raise Failed("the webhook was not accepted")
    return f"direct-{hashlib.sha256(body).hexdigest()}"


def wait_for_case(submission: str, token: str) -> dict[str, Any]:
    """Its case, once it waits for a reviewer."""
    deadline = time.monotonic() + SECONDS
    query = urlencode({"submission_id": submission})
    while time.monotonic() < deadline:
        for case in call(f"/cases?{query}", token=token):
            if case["state"] == "pending":
                return dict(case)
        time.sleep(0.5)
    raise Failed(f"no pending case after {SECONDS} s")


def check(case: dict[str, Any]) -> None:
    """A case with a problem is pending too, but has no candidates."""
    if case["problem"]:
        raise Failed(f"case {case['id']} has a problem: {case['problem']}")


def main() -> int:
    """Send, wait, look."""
    try:
        token = log_in()
        started = time.monotonic()
        case = wait_for_case(send_film(), token)
        check(case)
    except Failed as failure:
        print(f"end to end: {failure}", file=sys.stderr)
        return 1
    print(f"case {case['id']} was pending after {time.monotonic() - started:.1f} s")
    return 0


if __name__ == "__main__":
    sys.exit(main())
