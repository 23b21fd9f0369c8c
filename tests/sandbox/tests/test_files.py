"""The file host."""

from urllib.parse import quote, urlsplit

import pytest

from tests.sandbox.process import SandboxProcess
from tests.sandbox.tests.helpers import PNG, call, with_file


def test_file_is_an_octet_stream_under_an_encoded_url(sandbox: SandboxProcess) -> None:
    submission_id, url = with_file(sandbox, "rx 50% é.png")
    assert url.endswith(f"{submission_id}/{quote('rx 50% é.png')}")
    reply = call(url)
    assert (reply.status, reply.body) == (200, PNG)
    assert reply.headers["Content-Type"] == "application/octet-stream"
    assert call(url.replace(submission_id, "6200000000000000001")).status == 404


def test_login_wall_keeps_the_anonymous_out_in_three_ways(sandbox: SandboxProcess) -> None:
    _, url = with_file(sandbox)
    sandbox.set(login_wall="redirect")
    reply = call(url)
    assert reply.status == 302
    login = call(sandbox.url + reply.headers["Location"])
    assert (login.status, login.headers.get_content_type()) == (200, "text/html")
    sandbox.set(login_wall="404")
    assert call(url).status == 404
    sandbox.set(login_wall="html")
    reply = call(url, headers={"APIKEY": "wrong"})
    assert (reply.status, reply.headers.get_content_type()) == (200, "text/html")
    assert PNG not in reply.body


@pytest.mark.parametrize("place", ["header", "query"])
def test_key_opens_the_wall_through_a_signed_url(sandbox: SandboxProcess, place: str) -> None:
    _, url = with_file(sandbox)
    sandbox.set(login_wall="404")
    if place == "header":
        reply = call(url, headers={"APIKEY": sandbox.api_key})
    else:
        reply = call(f"{url}?apiKey={sandbox.api_key}")
    assert reply.status == 302
    location = reply.headers["Location"]
    assert urlsplit(location).path.startswith("/signed/")
    assert sandbox.api_key not in location
    assert call(location).body == PNG
    assert sandbox.requests("file")[-1]["key"] == place
    assert sandbox.requests("signed")[-1]["key"] == ""


def test_signed_url_can_lie_at_another_origin(sandbox: SandboxProcess) -> None:
    _, url = with_file(sandbox)
    sandbox.set(signed_origin=sandbox.other_origin)
    location = call(url, headers={"APIKEY": sandbox.api_key}).headers["Location"]
    assert urlsplit(location).netloc != urlsplit(sandbox.url).netloc
    assert call(location).body == PNG


def test_signed_url_is_short_lived_and_cannot_be_made_up(sandbox: SandboxProcess) -> None:
    _, url = with_file(sandbox)
    location = call(url, headers={"APIKEY": sandbox.api_key}).headers["Location"]
    sandbox.set(signed_seconds=0)
    assert call(location).status == 403
    sandbox.set(signed_seconds=60)
    assert call(location).status == 200
    assert call(location[:-1] + ("a" if location[-1] != "a" else "b")).status == 403


def test_file_host_fails_and_redirects_on_demand(sandbox: SandboxProcess) -> None:
    _, url = with_file(sandbox)
    sandbox.set(file_status=503)
    assert call(url).status == 503
    sandbox.set(file_status=0, file_redirect_to="http://192.168.0.1/rx.png")
    assert call(url).headers["Location"] == "http://192.168.0.1/rx.png"
