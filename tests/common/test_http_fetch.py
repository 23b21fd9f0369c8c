import gzip
import socket
import time
from collections.abc import Callable
from contextlib import ExitStack
from itertools import count

import pytest

from raiox.common.http import (
    Deadline,
    DownloadFailed,
    Fetched,
    FetchError,
    HostNotAllowed,
    Policy,
    SecretHeaders,
    TooLarge,
    fetch,
)
from tests.common.loopback import Loopback, answer, redirect, serve

CHUNKED = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"


def get(server: Loopback, path: str = "/a", **rules: float) -> Fetched:
    """Fetch with a small cap; the server's is the only origin allowed."""
    settings = {"max_bytes": 1000, "seconds": 5.0, **rules}
    policy = Policy(
        extra_origins=(server.origin,),
        max_bytes=int(settings["max_bytes"]),
        seconds=settings["seconds"],
    )
    return fetch(server.origin + path, policy=policy)


def endless(start: bytes, piece: bytes, pause: float = 0) -> Callable[[socket.socket], None]:
    def script(connection: socket.socket) -> None:
        connection.sendall(start)
        for _ in range(60) if pause else count():  # three seconds of a slow one fail the test
            connection.sendall(piece)
            time.sleep(pause)

    return script


def failure(server: Loopback, script: bytes | Callable[[socket.socket], None]) -> DownloadFailed:
    server.answers["/a"] = script
    with pytest.raises(DownloadFailed) as caught:
        get(server)
    return caught.value


def test_fetch_gives_the_bytes_and_what_is_known_of_them(server: Loopback) -> None:
    server.answers["/a%20b.png"] = answer(b"\x89PNG", Content_Type="Image/PNG; charset=x")
    fetched = get(server, "/a b.png?signature=1")
    assert fetched.data == b"\x89PNG"
    assert fetched.final_url == f"{server.origin}/a%20b.png"
    assert (fetched.content_type, fetched.status) == ("image/png", 200)
    assert 0 < fetched.elapsed < 5
    assert server.asked[0].path == "/a%20b.png?signature=1"


def test_fetch_asks_for_an_uncompressed_body_and_sends_no_cookies(server: Loopback) -> None:
    server.queue = [
        answer(status=302, Location="/b", Set_Cookie="session=1"),
        answer(b"x", Set_Cookie="session=2"),
    ]
    get(server)
    for asked in server.asked:
        assert asked.headers["accept-encoding"] == "identity"
        assert asked.headers["user-agent"].startswith("Raiox/")
        assert "cookie" not in asked.headers


def test_fetch_ignores_proxies_of_the_environment(
    server: Loopback, elsewhere: Loopback, monkeypatch: pytest.MonkeyPatch
) -> None:
    for name in ("http_proxy", "HTTP_PROXY", "https_proxy", "ALL_PROXY"):
        monkeypatch.setenv(name, elsewhere.origin)
    server.answers["/a"] = answer(b"direct")
    assert get(server).data == b"direct"
    assert elsewhere.asked == []


def test_fetch_reads_chunks(server: Loopback) -> None:
    server.answers["/a"] = CHUNKED + b"3\r\nabc\r\n2;x=y\r\nde\r\n0\r\nTrailer: 1\r\n\r\n"
    assert get(server).data == b"abcde"


def test_fetch_takes_a_body_of_exactly_the_cap(server: Loopback) -> None:
    server.answers["/a"] = answer(b"x" * 1000)
    assert len(get(server).data) == 1000


@pytest.mark.parametrize(
    "script",
    [
        answer(b"x" * 1001),
        answer(b"", Content_Length="9" * 5000),
        b"HTTP/1.1 200 OK\r\n\r\n" + b"x" * 1001,
        CHUNKED + b"3e9\r\n" + b"x" * 1001 + b"\r\n0\r\n\r\n",
        endless(CHUNKED, b"a\r\n0123456789\r\n"),
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x" * 100),
    ],
    ids=[
        "announced",
        "announced in thousands of digits",
        "until closed",
        "one chunk",
        "endless chunks",
        "endless",
    ],
)
def test_fetch_stops_at_the_cap(
    server: Loopback, script: bytes | Callable[[socket.socket], None]
) -> None:
    server.answers["/a"] = script
    with pytest.raises(TooLarge) as caught:
        get(server)
    assert caught.value.reason == "too_large"


def test_fetch_refuses_by_the_announced_length_without_reading(server: Loopback) -> None:
    def announce_and_wait(connection: socket.socket) -> None:
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 5000000000\r\n\r\n")
        connection.recv(1)

    server.answers["/a"] = announce_and_wait
    started = time.monotonic()
    with pytest.raises(TooLarge):
        get(server)
    assert time.monotonic() - started < 2


def test_fetch_stops_overhead_that_never_becomes_a_body(server: Loopback) -> None:
    server.answers["/a"] = endless(CHUNKED + b"0\r\n", b"Trailer: " + b"x" * 1000 + b"\r\n")
    with pytest.raises(TooLarge):
        get(server)


def test_fetch_reads_no_further_than_the_announced_length(server: Loopback) -> None:
    server.answers["/a"] = answer(b"abc" + b"x" * 5000, Content_Length="3")
    assert get(server).data == b"abc"


@pytest.mark.parametrize(
    "script",
    [
        answer(b"abc", Content_Length="900"),
        CHUNKED + b"9\r\nabc",
        CHUNKED + b"3\r\nabc\r\n",
        CHUNKED + b"zz\r\nabc\r\n",
        b"HTTP/1.1 200 OK\r\nContent-Length: 3\r\nContent-Length: 9\r\n\r\nabc",
        answer(b"abc", Content_Length="-3"),
        answer(b"abc", Content_Length="+3"),
        answer(b"abc", Content_Length="3, 3"),
        answer(b"abc", Transfer_Encoding="gzip"),
        b"<html>an answer of HTTP/0.9</html>",
        b"SSH-2.0-OpenSSH_9.2\r\n",
        b"",
        b"HTTP/1.1 200 OK\r\nBroken",
    ],
    ids=[
        "short",
        "short chunk",
        "no last",
        "no number",
        "two lengths",
        "negative length",
        "signed length",
        "list of lengths",
        "packed in transfer",
        "http/0.9",
        "ssh",
        "empty",
        "cut",
    ],
)
def test_fetch_fails_for_now_when_the_answer_is_broken(server: Loopback, script: bytes) -> None:
    error = failure(server, script)
    assert (error.reason, error.transient) == ("download_failed", True)


@pytest.mark.parametrize("encoding", ["gzip", "GZIP", "br", "identity, gzip"])
def test_fetch_refuses_a_compressed_body(server: Loopback, encoding: str) -> None:
    bomb = gzip.compress(b"\0" * 900_000)
    assert len(bomb) < 1000
    error = failure(server, answer(bomb, Content_Encoding=encoding))
    assert not error.transient


@pytest.mark.parametrize(
    "script",
    [
        endless(b"HTTP/1.1 200 OK\r\n", b"X-Filler: " + b"x" * 1000 + b"\r\n"),
        endless(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x" * 1000),
        endless(b"", b"x" * 1000),
        endless(b"", b"HTTP/1.1 100 Continue\r\n\r\n"),
    ],
    ids=["many", "one", "status line", "100 for ever"],
)
def test_fetch_bounds_the_headers(
    server: Loopback, script: Callable[[socket.socket], None]
) -> None:
    started = time.monotonic()
    failure(server, script)
    assert time.monotonic() - started < 3


@pytest.mark.parametrize(
    "script",
    [
        endless(b"HTTP/1.1 200 OK\r\n\r\n", b"x", pause=0.05),
        endless(CHUNKED, b"1\r\nx\r\n", pause=0.05),
        endless(CHUNKED + b"1;", b"x", pause=0.05),
        endless(b"HTTP/1.1 200 OK\r\nX-Filler: ", b"x", pause=0.05),
        lambda connection: time.sleep(1.5),
    ],
    ids=["body", "chunks", "chunk header", "header", "silence"],
)
def test_fetch_keeps_its_deadline_over_the_whole_transfer(
    server: Loopback, script: Callable[[socket.socket], None]
) -> None:
    server.answers["/a"] = script
    started = time.monotonic()
    with pytest.raises(DownloadFailed) as caught:
        get(server, seconds=0.4)
    assert time.monotonic() - started < 1
    assert caught.value.transient


def test_fetch_keeps_its_deadline_while_nobody_accepts() -> None:
    """A queue of connections that is full: the next one gets no answer at all."""
    with socket.socket() as full, ExitStack() as waiting:
        full.bind(("127.0.0.1", 0))
        full.listen(0)
        for _ in range(3):
            client = waiting.enter_context(socket.socket())
            client.setblocking(False)
            client.connect_ex(full.getsockname())
        origin = f"http://127.0.0.1:{full.getsockname()[1]}"
        started = time.monotonic()
        with pytest.raises(DownloadFailed) as caught:
            fetch(f"{origin}/a", policy=Policy(extra_origins=(origin,), seconds=0.4))
    assert time.monotonic() - started < 1
    assert caught.value.transient


def test_fetch_counts_redirects_into_the_deadline(server: Loopback) -> None:
    def slow_redirect(connection: socket.socket) -> None:
        time.sleep(0.25)
        connection.sendall(redirect("/a"))

    server.answers["/a"] = slow_redirect
    started = time.monotonic()
    with pytest.raises(DownloadFailed, match=r"time|long"):
        get(server, seconds=0.6)
    assert time.monotonic() - started < 1


def test_fetch_shares_a_deadline_that_is_given(server: Loopback) -> None:
    server.answers["/a"] = answer(b"x")
    deadline = Deadline(0.05)
    time.sleep(0.06)
    with pytest.raises(DownloadFailed):
        fetch(
            f"{server.origin}/a",
            policy=Policy(extra_origins=(server.origin,)),
            deadline=deadline,
        )
    assert server.asked == []


@pytest.mark.parametrize(
    ("status", "transient"),
    [
        (101, False),
        (103, False),
        (204, False),
        (205, False),
        (206, False),
        (304, False),
        (400, False),
        (404, False),
        (408, True),
        (429, True),
        (500, True),
        (503, True),
    ],
)
def test_fetch_fails_on_any_status_but_200(server: Loopback, status: int, transient: bool) -> None:
    error = failure(server, answer(b"", status=status))
    assert (error.status, error.transient) == (status, transient)


def test_fetch_reports_the_status_of_an_error_page_over_the_cap(server: Loopback) -> None:
    assert failure(server, answer(b"x" * 5000, status=404)).status == 404


def test_fetch_fails_for_now_when_nobody_listens() -> None:
    with serve() as gone:
        pass
    with pytest.raises(DownloadFailed) as caught:
        get(gone)
    assert caught.value.transient


@pytest.mark.parametrize("status", [301, 302, 303, 307, 308])
def test_fetch_follows_a_redirect(server: Loopback, status: int) -> None:
    server.answers["/a"] = redirect("b%20c.png?x=%2F", status)
    server.answers["/b%20c.png"] = answer(b"there")
    fetched = get(server)
    assert (fetched.data, fetched.final_url) == (b"there", f"{server.origin}/b%20c.png")
    assert server.asked[1].path == "/b%20c.png?x=%2F"


@pytest.mark.parametrize(
    ("raw", "path"),
    [
        (b"/raio x \xc3\xa7.png", "/raio%20x%20%C3%A7.png"),
        (b"/raio x \xe7.png", "/raio%20x%20%C3%A7.png"),
        (b"/rx%201.png", "/rx%201.png"),
    ],
    ids=["utf-8", "latin-1", "encoded"],
)
def test_fetch_follows_a_location_however_it_is_written(
    server: Loopback, raw: bytes, path: str
) -> None:
    server.queue = [
        b"HTTP/1.1 302 Found\r\nLocation: " + raw + b"\r\n\r\n",
        answer(b"there"),
    ]
    assert get(server).data == b"there"
    assert server.asked[1].path == path


def test_fetch_follows_five_redirects_and_no_more(server: Loopback) -> None:
    server.queue += [*[redirect("/a")] * 5, answer(b"there")]
    assert get(server).data == b"there"
    server.queue += [*[redirect("/a")] * 6, answer(b"there")]
    with pytest.raises(DownloadFailed, match="redirects"):
        get(server)


@pytest.mark.parametrize(
    "location",
    [
        "http://127.0.0.1:1/",
        "http://127.0.0.1/",
        "https://10.0.0.1/",
        "http://169.254.169.254/latest/meta-data/",
        "https://[::1]/",
        "//evil.example/a",
        "https://evil.example/a",
        "http://2130706433/",
        "https://0x7f.1/",
        "https://0177.0.0.1/",
        "https://[::ffff:127.0.0.1]/",
        "https://[64:ff9b::7f00:1]/",
        "https://[2002:7f00:1::1]/",
        "https://100.64.0.1/",
        "https://224.0.0.1/",
        "ftp://127.0.0.1/a",
        "gopher://127.0.0.1/a",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "javascript:alert(1)",
        "https://[broken/",
        "http://user:word@127.0.0.1/",
    ],
)
def test_fetch_checks_each_hop_in_full(server: Loopback, location: str) -> None:
    server.answers["/a"] = redirect(location)
    with pytest.raises(HostNotAllowed):
        get(server)
    assert len(server.asked) == 1


def test_fetch_does_not_take_a_neighbouring_port_for_the_extra_origin(
    server: Loopback, elsewhere: Loopback
) -> None:
    server.answers["/a"] = redirect(f"{elsewhere.origin}/a")
    with pytest.raises(HostNotAllowed):
        get(server)
    assert elsewhere.asked == []


def test_fetch_fails_on_a_redirect_to_nowhere(server: Loopback) -> None:
    assert not failure(server, answer(status=302)).transient


def test_fetch_sends_secret_headers_only_where_they_are_meant_for(
    server: Loopback, elsewhere: Loopback
) -> None:
    server.queue = [redirect("/b"), redirect(f"{elsewhere.origin}/c")]
    elsewhere.answers["/c"] = answer(b"there")
    fetch(
        f"{server.origin}/a",
        policy=Policy(extra_origins=(server.origin, elsewhere.origin)),
        headers={"X-Plain": "everywhere"},
        secret=SecretHeaders({"APIKEY": "k3y"}, lambda target: target.origin == server.origin),
    )
    assert [asked.headers.get("apikey") for asked in server.asked] == ["k3y", "k3y"]
    assert "apikey" not in elsewhere.asked[0].headers
    assert elsewhere.asked[0].headers["x-plain"] == "everywhere"


def test_fetch_errors_say_nothing_secret(
    server: Loopback, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level("DEBUG")
    errors: list[FetchError] = []
    scripts: list[bytes] = [
        answer(status=500),
        redirect("https://evil.example/?signature=geheim"),
        answer(b"x" * 2000),
        b"garbage geheim\r\n",
        b"HTTP/1.1 200 OK\r\nbroken geheim",
    ]
    for script in scripts:
        server.answers["/geheim"] = script
        with pytest.raises(FetchError) as caught:
            get(server, "/geheim?signature=geheim")
        errors.append(caught.value)
    assert all("geheim" not in f"{error!r} {error.__cause__!r}" for error in errors)
    assert len(errors) == len(scripts)
    assert "geheim" not in caplog.text
