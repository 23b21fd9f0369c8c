"""Starts the stand-in as a process of its own and talks to it over HTTP, for the tests."""

import json
import secrets
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from types import TracebackType
from typing import Any, Self, TypeVar
from urllib.error import HTTPError
from urllib.parse import urlencode
from urllib.request import ProxyHandler, Request, build_opener

ROOT = Path(__file__).resolve().parents[2]
START_SECONDS = 20
STOP_SECONDS = 5

T = TypeVar("T")

# The proxies of the environment must not be asked for loopback.
_opener = build_opener(ProxyHandler({}))


class SandboxError(Exception):
    """The stand-in did not start, or refused what a test asked for."""


class SandboxProcess:
    """The stand-in for Jotform. After stop() or kill(), start() brings it back with its state.

    `samples` is a folder of pictures; `data` keeps the state (a temporary folder by default).
    """

    def __init__(
        self,
        *,
        samples: Path | None = None,
        webhook_url: str = "",
        product_url: str = "http://127.0.0.1:8000",
        data: Path | None = None,
        port: int = 0,
    ) -> None:
        self._temporary = None if data else tempfile.TemporaryDirectory(prefix="sandbox-")
        self.data = data or Path(self._temporary.name if self._temporary else "")
        self.samples = samples or self.data / "samples"
        self.webhook_url, self.product_url, self.port = webhook_url, product_url, port
        self.process: subprocess.Popen[str] | None = None

    def __enter__(self) -> Self:
        try:
            return self.start()
        except BaseException:
            self.close()
            raise

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Stop it for good: a temporary data folder goes too."""
        self.stop()
        if self._temporary:
            self._temporary.cleanup()

    # The process

    def start(self) -> Self:
        """Wait until it listens. The port of the first start is kept for the next ones."""
        self.data.mkdir(parents=True, exist_ok=True)
        with (self.data / "stderr.log").open("ab") as log:
            self.process = subprocess.Popen(
                self._command(), stdout=subprocess.PIPE, stderr=log, text=True, cwd=ROOT
            )
        self.port = self._port_from_output()
        return self

    def stop(self) -> None:
        """SIGTERM, and wait."""
        if self.process:
            self.process.terminate()
            self._wait()

    def kill(self) -> None:
        """SIGKILL: what it was doing is cut off."""
        if self.process:
            self.process.kill()
            self._wait()

    def _wait(self) -> None:
        if self.process and self.process.stdout:
            self.process.wait(STOP_SECONDS)
            self.process.stdout.close()
            self.process = None

    def _command(self) -> list[str]:
        command = [sys.executable, "-m", "tests.sandbox", f"--port={self.port}"]
        command += [f"--data={self.data / 'state'}", f"--samples={self.samples}"]
        command += [f"--product-url={self.product_url}", f"--api-key-file={self.key_file}"]
        return command + ([f"--webhook-url={self.webhook_url}"] if self.webhook_url else [])

    def _port_from_output(self) -> int:
        """It prints its address once it listens; it prints nothing and ends when it can't."""
        if self.process is None or self.process.stdout is None:
            raise SandboxError("not started")
        line = self.process.stdout.readline()
        if not line.startswith("listening on "):
            self._wait()
            raise SandboxError((self.data / "stderr.log").read_text())
        return int(line.strip().rsplit(":", 1)[1])

    # Addresses and the key

    @property
    def url(self) -> str:
        return f"http://127.0.0.1:{self.port}"

    @property
    def key_file(self) -> Path:
        return self.data / "api-key"

    @property
    def api_key(self) -> str:
        return self.key_file.read_text().strip()

    @property
    def form_id(self) -> str:
        return str(self.control("")["form_id"])

    @property
    def other_origin(self) -> str:
        """A second origin of the same program, for `set(signed_origin=...)`."""
        return str(self.control("")["other_origin"])

    # The levers

    def set(self, **switches: Any) -> dict[str, Any]:
        """See `switches.Switches` for the names and values."""
        return dict(self.control("switches", switches))

    def reset(self, *, everything: bool = False) -> None:
        """Switches and logs; with `everything`, submissions, other forms and webhooks too."""
        self.control("reset", {"everything": everything})

    def submit(
        self,
        fields: dict[str, Any] | None = None,
        *,
        samples: Sequence[str] = (),
        files: dict[str, bytes] | None = None,
        webhook: bool = True,
        form_id: str | None = None,
    ) -> dict[str, Any]:
        """A new submission; `fields` by qid or name. Answers it as the API shows it."""
        body = {"fields": fields or {}, "samples": list(samples), "webhook": webhook}
        body |= {"form_id": form_id} if form_id else {}
        return dict(self.control("submissions", body, files))

    def edit(
        self,
        submission_id: str,
        fields: dict[str, Any] | None = None,
        *,
        samples: Sequence[str] = (),
        files: dict[str, bytes] | None = None,
        replace_files: bool = False,
        webhook: bool = True,
    ) -> dict[str, Any]:
        """Change a submission as its author would: the webhook is sent again."""
        body = {"fields": fields or {}, "samples": list(samples), "webhook": webhook}
        body["replace_files"] = replace_files
        return dict(self.control(f"submissions/{submission_id}", body, files))

    def submission(self, submission_id: str) -> dict[str, Any]:
        """As the API shows it, and `result`: the text of the result question."""
        return dict(self.control(f"submissions/{submission_id}"))

    def delete(self, submission_id: str, *, for_good: bool = False) -> None:
        """Into the trash, or out of it too."""
        self.control(f"submissions/{submission_id}/delete", {"for_good": for_good})

    def create_form(self, questions: list[dict[str, str]], title: str = "Outro") -> str:
        """The id of a new form; its result question is a text area with `hidden` "Yes"."""
        return str(self.control("forms", {"questions": questions, "title": title})["id"])

    def register_webhook(self, url: str, form_id: str | None = None) -> None:
        """Over the API, as the product does."""
        path = f"/form/{form_id or self.form_id}/webhooks"
        self.api("POST", path, {"webhookURL": url})

    def requests(self, kind: str = "api") -> list[dict[str, Any]]:
        """What the product asked: `api`, `file` (the file host), `signed` (behind it)."""
        return list(self.control(f"requests?kind={kind}"))

    def webhooks(self, submission_id: str | None = None) -> list[dict[str, Any]]:
        """The webhooks sent, with their `parts`, `state` and `status`."""
        query = f"?submission={submission_id}" if submission_id else ""
        return list(self.control(f"webhooks{query}"))

    def delivered(
        self, submission_id: str, count: int = 1, seconds: float = 10
    ) -> list[dict[str, Any]]:
        """Wait until `count` webhooks of the submission have ended, well or badly."""
        return wait_for(lambda: self._ended(submission_id, count), seconds)

    def _ended(self, submission_id: str, count: int) -> list[dict[str, Any]]:
        ended = [row for row in self.webhooks(submission_id) if row["state"] != "underway"]
        return ended if len(ended) >= count else []

    # HTTP

    def api(self, method: str, path: str, fields: dict[str, str] | None = None) -> dict[str, Any]:
        """A call of Jotform's API with the key; the envelope."""
        data = urlencode(fields).encode() if fields is not None else None
        headers = {"APIKEY": self.api_key}
        request = Request(self.url + path, data=data, headers=headers, method=method)
        return dict(self._json(request))

    def control(
        self, path: str, body: dict[str, Any] | None = None, files: dict[str, bytes] | None = None
    ) -> Any:
        """GET a control route, or POST to it when there is a body."""
        request = Request(f"{self.url}/_control/{path}")
        if files:
            request.data, boundary = _multipart(body or {}, files)
            request.add_header("Content-Type", f"multipart/form-data; boundary={boundary}")
        elif body is not None:
            request.data = json.dumps(body).encode()
            request.add_header("Content-Type", "application/json")
        return self._json(request)

    def _json(self, request: Request) -> Any:
        try:
            with _opener.open(request, timeout=30) as response:
                return json.load(response)
        except HTTPError as error:
            with error:
                raise SandboxError(f"{error.code}: {error.read().decode()}") from error


def wait_for(condition: Callable[[], T], seconds: float = 10) -> T:
    """The first answer of `condition` that is true; SandboxError when the time is over."""
    end = time.monotonic() + seconds
    while True:
        if found := condition():
            return found
        if time.monotonic() > end:
            raise SandboxError(f"nothing came within {seconds} s")
        time.sleep(0.05)


def _multipart(body: dict[str, Any], files: dict[str, bytes]) -> tuple[bytes, str]:
    boundary = secrets.token_hex(16)
    parts = [_part(boundary, 'name="json"', json.dumps(body).encode())]
    for name, content in files.items():
        quoted = name.replace("\\", "\\\\").replace('"', '\\"')
        parts.append(_part(boundary, f'name="files"; filename="{quoted}"', content))
    return b"".join([*parts, f"--{boundary}--\r\n".encode()]), boundary


def _part(boundary: str, disposition: str, content: bytes) -> bytes:
    head = f"--{boundary}\r\nContent-Disposition: form-data; {disposition}\r\n\r\n"
    return head.encode() + content + b"\r\n"
