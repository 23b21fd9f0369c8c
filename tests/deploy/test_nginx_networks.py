"""Whom nginx's limits count, by the server's own file: of IPv6 a whole network."""

import os
import subprocess
from collections.abc import Iterator
from urllib.error import HTTPError
from urllib.request import Request, urlopen

import pytest

from tests.deploy import tools
from tests.sandbox.process import ROOT, wait_for
from tests.stack import free_port

# Addresses of visitors come by the header that a balancer in front would write.
_CONF = """
{user}
pid {folder}/nginx.pid;
error_log {folder}/error.log;
events {{ worker_connections 64; }}
http {{
    client_body_temp_path {folder}/body;
    proxy_temp_path {folder}/proxy;
    fastcgi_temp_path {folder}/fastcgi;
    uwsgi_temp_path {folder}/uwsgi;
    scgi_temp_path {folder}/scgi;
    access_log off;
    set_real_ip_from 127.0.0.1;
    real_ip_header X-Forwarded-For;
    include {root}/deploy/server/nginx/raiox-limits.conf;
    server {{
        listen 127.0.0.1:{port};
        location / {{ root {folder}; }}
        location /limited/ {{ alias {folder}/; limit_req zone=raiox_login burst=1 nodelay; }}
    }}
}}
"""


@pytest.fixture(scope="module")
def address(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """Of an nginx with our zones, that lets each visitor ask twice."""
    folder, port = tmp_path_factory.mktemp("nginx"), free_port()
    (folder / "page").write_text("here")
    conf = folder / "nginx.conf"
    user = "user root;" if os.geteuid() == 0 else ""
    conf.write_text(_CONF.format(folder=folder, root=ROOT, port=port, user=user))
    command = [tools.path("nginx"), "-e", str(folder / "error.log"), "-c", str(conf)]
    running = subprocess.Popen([*command, "-g", "daemon off;"])
    try:
        wait_for(lambda: _is_there(f"http://127.0.0.1:{port}/page"), 10)
        yield f"http://127.0.0.1:{port}/limited/page"
    finally:
        running.terminate()
        running.wait(10)


def _is_there(address: str) -> bool:
    try:
        return bool(ask(address, "198.51.100.1") == 200)
    except OSError:
        return False


def ask(address: str, visitor: str) -> int:
    request = Request(address, headers={"X-Forwarded-For": visitor})
    try:
        with urlopen(request, timeout=10) as answer:
            return int(answer.status)
    except HTTPError as refused:
        return refused.code


def test_all_of_an_ipv6_network_is_one_visitor(address: str) -> None:
    visitors = [f"2001:db8:0:a0a::{last:x}" for last in (1, 0xA, 0xA0A, 0xFFFF)]
    assert [ask(address, visitor) for visitor in visitors] == [200, 200, 429, 429]
    assert ask(address, "2001:db8:0:a0b::1") == 200


def test_an_ipv4_address_is_a_visitor_of_its_own(address: str) -> None:
    assert [ask(address, "203.0.113.10") for _ in range(3)] == [200, 200, 429]
    assert ask(address, "203.0.113.11") == 200
