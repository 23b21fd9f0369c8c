"""health.py HOST:PORT PUBLIC_URL COMMIT SECONDS: waits until all parts of that commit are at work.

Asks the web process itself, past nginx, as nginx would. Exits with 1 and says what is wrong when
that is not so within SECONDS. Standard library alone: it runs outside every release.
"""

import http.client
import json
import sys
import time
from urllib.parse import urlsplit


def ask(web: str, public_url: str) -> dict[str, object]:
    """The answer of /health, a body with status 503 included."""
    url = urlsplit(public_url)
    connection = http.client.HTTPConnection(web, timeout=20)
    try:
        headers = {"Host": url.netloc, "X-Forwarded-Proto": url.scheme}
        connection.request("GET", "/health", headers=headers)
        return dict(json.loads(connection.getresponse().read()))
    finally:
        connection.close()


def wrong(web: str, public_url: str, commit: str) -> str:
    """What is wrong now; empty when nothing is. A warning (an empty catalogue) is no fault."""
    try:
        answer = ask(web, public_url)
    except (OSError, ValueError, TypeError, http.client.HTTPException) as error:
        return f"it does not answer ({type(error).__name__})"
    if answer.get("commit") != commit:
        return f"another commit answers: {answer.get('commit') or 'unknown'}"
    if answer.get("status") not in ("ok", "warning"):
        return json.dumps(answer.get("checks"))
    return ""


def main() -> int:
    """Ask each second."""
    web, public_url, commit, seconds = sys.argv[1:]
    deadline = time.monotonic() + float(seconds)
    while problem := wrong(web, public_url, commit):
        if time.monotonic() > deadline:
            print(f"not healthy: {problem}", file=sys.stderr)
            return 1
        time.sleep(1)
    return 0


if __name__ == "__main__":
    sys.exit(main())
