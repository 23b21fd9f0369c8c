"""How these tests talk to the stand-in, and who takes its webhooks."""

import http.client
import json
from dataclasses import dataclass, field
from email.message import Message
from email.parser import BytesParser
from typing import Any
from urllib.parse import urlencode, urlsplit

from tests.sandbox.process import SandboxProcess

PNG = b"\x89PNG\r\n\x1a\n" + b"radiograph"
ANA = {"nome": {"first": "Ana", "last": "Dias"}, "email": "ana@example.org", "dente": "44"}
# The parts that Jotform's webhooks are known to have.
PARTS = (
    "action webhookURL username formID type customParams product formTitle customTitle "
    "submissionID event documentID teamID subject isSilent customBody rawRequest fromTable "
    "appID pretty unread parent ip"
)


@dataclass
class Receiver:
    """Takes webhooks in the product's place."""

    url: str = ""
    status: int = 200
    bodies: list[tuple[str, bytes]] = field(default_factory=list)

    def messages(self) -> list[Message]:
        """The multipart bodies, parsed by a library that is not the sender's."""
        head = "Content-Type: {}\r\n\r\n"
        return [BytesParser().parsebytes(head.format(t).encode() + b) for t, b in self.bodies]

    def parts(self) -> list[dict[str, str]]:
        return [
            {
                str(p.get_param("name", header="content-disposition")): _text(p)
                for p in text_parts(m)
            }
            for m in self.messages()
        ]

    def raw(self) -> dict[str, Any]:
        """rawRequest of the last webhook."""
        return dict(json.loads(self.parts()[-1]["rawRequest"]))


def text_parts(message: Message) -> list[Message]:
    return [part for part in message.walk() if not part.is_multipart()]


def _text(part: Message) -> str:
    content = part.get_payload(decode=True)
    assert isinstance(content, bytes)
    return content.decode()


@dataclass(frozen=True)
class Reply:
    status: int
    headers: Message
    body: bytes

    @property
    def text(self) -> str:
        return self.body.decode()

    @property
    def json(self) -> Any:
        return json.loads(self.body)


def call(
    url: str,
    method: str = "GET",
    body: bytes | None = None,
    *,
    headers: dict[str, str] | None = None,
    timeout: float = 10,
) -> Reply:
    """One request, redirects not followed."""
    parts = urlsplit(url)
    connection = http.client.HTTPConnection(parts.netloc, timeout=timeout)
    try:
        target = parts.path + (f"?{parts.query}" if parts.query else "")
        connection.request(method, target, body, {"User-Agent": "tests", **(headers or {})})
        response = connection.getresponse()
        return Reply(response.status, response.headers, response.read())
    finally:
        connection.close()


def write(
    sandbox: SandboxProcess, submission_id: str, fields: dict[str, str], **more: Any
) -> Reply:
    headers = {"APIKEY": sandbox.api_key, "Content-Type": "application/x-www-form-urlencoded"}
    url = f"{sandbox.url}/submission/{submission_id}"
    return call(url, "POST", urlencode(fields).encode(), headers=headers, **more)


def read(sandbox: SandboxProcess, path: str, key: str | None = None) -> Reply:
    return call(sandbox.url + path, headers={"APIKEY": sandbox.api_key if key is None else key})


def multipart(*parts: tuple[str, str | None, bytes]) -> tuple[bytes, dict[str, str]]:
    """Parts of (name, file name, content), as a browser sends a form."""
    body = b""
    for name, filename, content in parts:
        file = f'; filename="{filename}"' if filename else ""
        head = f'--limit\r\nContent-Disposition: form-data; name="{name}"{file}\r\n\r\n'
        body += head.encode() + content + b"\r\n"
    return body + b"--limit--\r\n", {"Content-Type": "multipart/form-data; boundary=limit"}


def fill_in(sandbox: SandboxProcess, *more: tuple[str, str | None, bytes]) -> Reply:
    body, headers = multipart(
        ("q3_nome[first]", None, b"Ana"),
        ("q3_nome[last]", None, b"Dias"),
        ("q4_email", None, b"ana@example.org"),
        ("q7_dente", None, b"44"),
        *more,
    )
    return call(f"{sandbox.url}/submit/{sandbox.form_id}", "POST", body, headers=headers)


def with_file(sandbox: SandboxProcess, name: str = "rx 1.png", **more: Any) -> tuple[str, str]:
    """A submission with one file: its id and the file's URL."""
    made = sandbox.submit(ANA, files={name: PNG}, webhook=False, **more)
    return made["id"], made["answers"]["5"]["answer"][0]
