"""nginx with the files that bootstrap.sh puts on a server, in front of a real gunicorn."""

import http.client
import os
import shutil
import ssl
import subprocess
import tempfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, Final, NamedTuple

from tests.deploy import tools
from tests.deploy.machine import HOST, Machine
from tests.sandbox.process import wait_for
from tests.stack import Stack, free_port

# As Ubuntu's package has it, as far as it matters here. The service's group, which nginx's user is
# in, is root here.
NGINX_CONF: Final = """
{user}
worker_processes 1;
pid {folder}/nginx.pid;
error_log {folder}/log/error.log;
events {{ worker_connections 768; }}
http {{
    include /etc/nginx/mime.types;
    default_type application/octet-stream;
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log {folder}/log/access.log;
    include {etc}/conf.d/*.conf;
    include {etc}/sites-enabled/*;
}}
"""


class Answer(NamedTuple):
    """What a visitor got; `status` is 0 when the connection was closed without a word."""

    status: int
    headers: dict[str, str]
    body: bytes


class Site:
    """`ports` by those of the files; visitors come from any address of loopback."""

    def __init__(self, stack: Stack, machine: Machine, folder: Path) -> None:
        self.stack, self.machine, self.folder = stack, machine, folder
        self.ports = {80: free_port(), 443: free_port()}
        self.process: subprocess.Popen[bytes] | None = None

    @property
    def media(self) -> Path:
        """Where the service keeps films."""
        return self.folder / "var" / "media"

    @property
    def access_log(self) -> Path:
        return self.folder / "log" / "raiox.log"

    @property
    def error_log(self) -> Path:
        return self.folder / "log" / "error.log"

    @property
    def web_log(self) -> Path:
        return self.stack.folder / "web.log"

    def write(self) -> None:
        """The machine's own files, with this test's folders and ports in them."""
        etc = self.folder / "nginx"
        shutil.rmtree(etc, ignore_errors=True)
        shutil.copytree(self.machine.file("/etc/nginx"), etc)
        places = {
            "/etc/nginx/": f"{etc}/",
            "/var/log/nginx/": f"{self.folder}/log/",
            "/var/lib/raiox/media/": f"{self.media}/",
            "/var/www/certbot": str(self.folder / "certbot"),
            "/etc/letsencrypt/": f"{self.machine.file('/etc/letsencrypt')}/",
            "127.0.0.1:8000": self.stack.url.removeprefix("http://"),
            **{f"listen {port}": f"listen 127.0.0.1:{own}" for port, own in self.ports.items()},
            **{f"listen [::]:{port}": f"listen [::1]:{own}" for port, own in self.ports.items()},
        }
        for path in etc.rglob("*"):
            if path.is_file():
                text = path.read_text()
                assert "/etc/nginx/modules" not in text
                for place, own in places.items():
                    text = text.replace(place, own)
                path.write_text(text)
        (etc / "nginx.conf").write_text(
            NGINX_CONF.format(
                folder=self.folder, etc=etc, user="user www-data root;" if os.geteuid() == 0 else ""
            )
        )

    def check(self) -> subprocess.CompletedProcess[str]:
        """`nginx -t`."""
        return subprocess.run([*self._command, "-t"], capture_output=True, text=True)

    @property
    def _command(self) -> list[str]:
        return [tools.path("nginx"), "-c", str(self.folder / "nginx" / "nginx.conf")]

    def start(self) -> None:
        """Until it answers."""
        self.write()
        self.process = subprocess.Popen([*self._command, "-g", "daemon off;"])
        wait_for(lambda: self.ask("/ping").status, 20)

    def stop(self) -> None:
        if self.process:
            self.process.terminate()
            self.process.wait(20)
            self.process = None

    def ask(
        self,
        path: str,
        *,
        method: str = "GET",
        client: str = "127.0.0.1",
        host: str = HOST,
        body: bytes | None = None,
        tls: bool = False,
        headers: Mapping[str, str] | None = None,
    ) -> Answer:
        """One request."""
        port = self.ports[443 if tls else 80]
        where: dict[str, Any] = {"timeout": 60, "source_address": (client, 0)}
        connection: http.client.HTTPConnection
        if tls:
            context = ssl._create_unverified_context()  # noqa: S323  # our own for this test
            connection = http.client.HTTPSConnection("127.0.0.1", port, context=context, **where)
        else:
            connection = http.client.HTTPConnection("127.0.0.1", port, **where)
        try:
            connection.request(method, path, body, {"Host": host, **(headers or {})})
            response = connection.getresponse()
            return Answer(response.status, dict(response.getheaders()), response.read())
        except (http.client.RemoteDisconnected, ConnectionError):
            return Answer(0, {}, b"")
        finally:
            connection.close()

    def session(self) -> dict[str, str]:
        """The header of somebody who has logged in."""
        cookies = self.stack.log_in().cookies
        return {"Cookie": "; ".join(f"{name}={value}" for name, value in cookies.items())}


@contextmanager
def site(stack: Stack, application_server: Machine) -> Iterator[Site]:
    """The service of the tests as it stands behind nginx on a server."""
    folder = Path(tempfile.mkdtemp(prefix="raiox-site-", dir="/tmp"))
    folder.chmod(0o755)  # nginx's own user finds its way in
    (folder / "log").mkdir()
    try:
        machine = application_server.copy(folder / "server")
        machine.set(
            PUBLIC_URL=f"http://{HOST}",
            METRICS_NETWORKS="127.0.0.3",
            CERTBOT_EMAIL="ops@raiox.example",
        )
        machine.make("app")
        (folder / "var").mkdir(mode=0o750)
        behind = Site(stack, machine, folder)
        _restart(stack, {
            "RAIOX_VAR_DIR": str(folder / "var"),
            "ALLOWED_HOSTS": f"{HOST},127.0.0.1",
            "TRUSTED_PROXIES": "127.0.0.1",
            "METRICS_NETWORKS": "127.0.0.3",
            "FILES_X_ACCEL": "/_films/",
        })  # fmt: skip
        behind.start()
        yield behind
        behind.stop()
        _restart(stack, {})
    finally:
        shutil.rmtree(folder)


def _restart(stack: Stack, told: dict[str, str]) -> None:
    for name in ("web", "worker"):
        if name in stack.processes:
            stack.stop(name)
    stack.more_environment = told
    stack.start_web()
    stack.start_worker()
