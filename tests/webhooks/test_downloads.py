import secrets
import time
from collections.abc import Iterator
from typing import Any

import pytest

from raiox.common.http import DownloadFailed, FetchError, HostNotAllowed, Policy
from tests.common.loopback import Loopback, answer, redirect, serve
from webhooks.downloads import FileSource, LoginRequired, download_file, source_from_settings

PATH = "/uploads/clinica/1/2/rx.jpg"
IMAGE = answer(b"\xff\xd8\xff image", Content_Type="application/octet-stream")
PAGE = b"<!DOCTYPE html><html><head><title>Login to Your Account</title></head></html>"
LOGIN_PAGES = [
    PAGE,
    b"\xef\xbb\xbf\n<!-- x -->\n<HTML><body><h1>Entre para ver este arquivo</h1></body></html>",
]


@pytest.fixture
def jotform() -> Iterator[Loopback]:
    with serve() as loopback:
        yield loopback


@pytest.fixture
def storage() -> Iterator[Loopback]:
    """Where signed addresses lead: allowed, but not Jotform's own."""
    with serve() as loopback:
        yield loopback


@pytest.fixture
def key() -> str:
    return secrets.token_hex(16)


def source(jotform: Loopback, *others: Loopback, key: str = "") -> FileSource:
    origins = tuple(server.origin for server in (jotform, *others))
    return FileSource(Policy(extra_origins=origins, seconds=5), key, jotform.origin)


def test_download_gives_a_public_file(jotform: Loopback) -> None:
    jotform.answers[PATH] = IMAGE
    fetched = download_file(jotform.origin + PATH, source=source(jotform))
    assert fetched.data == b"\xff\xd8\xff image"
    assert "apikey" not in jotform.asked[0].headers


def test_download_follows_the_signed_address_without_the_key(
    jotform: Loopback, storage: Loopback, key: str
) -> None:
    jotform.answers[PATH] = redirect(f"{storage.origin}/signed/rx.jpg?md5=x&expires=1")
    storage.answers["/signed/rx.jpg"] = IMAGE
    fetched = download_file(jotform.origin + PATH, source=source(jotform, storage, key=key))
    assert fetched.data == b"\xff\xd8\xff image"
    assert jotform.asked[0].headers["apikey"] == key
    assert "apikey" not in storage.asked[0].headers
    assert key not in storage.asked[0].path
    assert storage.asked[0].path == "/signed/rx.jpg?md5=x&expires=1"


@pytest.mark.parametrize("status", [403, 404])
def test_download_does_not_take_a_stale_signed_address_for_a_login_wall(
    jotform: Loopback, storage: Loopback, key: str, status: int
) -> None:
    jotform.answers[PATH] = redirect("/signed/rx.jpg")
    jotform.answers["/signed/rx.jpg"] = redirect(f"{storage.origin}/rx.jpg")
    storage.answers["/rx.jpg"] = answer(status=status)
    with pytest.raises(DownloadFailed) as caught:
        download_file(jotform.origin + PATH, source=source(jotform, storage, key=key))
    assert caught.value.status == status
    assert len(storage.asked) == 1


def test_download_keeps_the_key_from_a_host_that_is_not_jotforms(
    jotform: Loopback, storage: Loopback, key: str
) -> None:
    storage.answers[PATH] = answer(status=404)
    with pytest.raises(DownloadFailed):
        download_file(storage.origin + PATH, source=source(jotform, storage, key=key))
    assert len(storage.asked) == 1
    assert "apikey" not in storage.asked[0].headers


@pytest.mark.parametrize(
    "wall",
    [
        redirect("https://www.jotform.com/login/?redirect=x"),
        redirect("/login"),
        redirect("/login.php?next=x"),
        redirect("/pt/signin/"),
        answer(b"<html>not found</html>", status=404),
        answer(status=401),
        answer(status=403),
        *(answer(page, Content_Type="text/html; charset=utf-8") for page in LOGIN_PAGES),
        answer(PAGE, Content_Type="application/xhtml+xml"),
    ],
)
def test_download_without_a_key_knows_the_login_wall(jotform: Loopback, wall: bytes) -> None:
    jotform.answers[PATH] = wall
    with pytest.raises(LoginRequired) as caught:
        download_file(jotform.origin + PATH, source=source(jotform))
    assert (caught.value.reason, caught.value.transient) == ("login_required", False)
    assert len(jotform.asked) == 1


@pytest.mark.parametrize(
    "wall",
    [
        redirect("/login/"),
        answer(status=404),
        answer(PAGE, Content_Type="text/html"),
    ],
    ids=["redirect", "404", "page"],
)
def test_download_gives_the_key_in_the_query_where_the_header_is_not_taken(
    jotform: Loopback, wall: bytes, key: str
) -> None:
    jotform.queue = [wall, IMAGE]
    url = f"{jotform.origin}/uploads/clinica/1/2/rx 1.png?x=1"
    fetched = download_file(url, source=source(jotform, key=key))
    assert fetched.data == b"\xff\xd8\xff image"
    assert jotform.asked[1].path == f"/uploads/clinica/1/2/rx%201.png?x=1&apiKey={key}"
    assert key not in repr(fetched)


def test_download_with_a_key_that_is_not_accepted(jotform: Loopback, key: str) -> None:
    jotform.answers[PATH] = redirect("/login/")
    with pytest.raises(LoginRequired):
        download_file(jotform.origin + PATH, source=source(jotform, key=key))
    assert len(jotform.asked) == 2


def test_download_of_a_file_that_is_gone(jotform: Loopback, key: str) -> None:
    jotform.answers[PATH] = answer(status=404)
    with pytest.raises(DownloadFailed) as caught:
        download_file(jotform.origin + PATH, source=source(jotform, key=key))
    assert (caught.value.status, caught.value.transient) == (404, False)


@pytest.mark.parametrize(
    ("page", "content_type"),
    [
        (PAGE, "image/jpeg"),
        (PAGE, "application/octet-stream"),
        (PAGE, ""),
        (b"\xff\xd8\xff <html>", "text/html"),
        (b"<!---->" * 500, "text/html"),
        (b"", "text/html"),
    ],
)
def test_download_hands_on_what_is_no_page_of_jotforms(
    jotform: Loopback, page: bytes, content_type: str
) -> None:
    jotform.answers[PATH] = answer(page, Content_Type=content_type)
    assert download_file(jotform.origin + PATH, source=source(jotform)).data == page


def test_download_hands_on_an_upload_that_is_named_html(jotform: Loopback) -> None:
    jotform.answers["/uploads/clinica/1/2/laudo.HTML"] = answer(PAGE, Content_Type="text/html")
    url = f"{jotform.origin}/uploads/clinica/1/2/laudo.HTML"
    assert download_file(url, source=source(jotform)).data == PAGE


def test_download_hands_on_a_login_page_of_a_foreign_host(
    jotform: Loopback, storage: Loopback
) -> None:
    jotform.answers[PATH] = redirect(f"{storage.origin}/x")
    storage.answers["/x"] = answer(PAGE, Content_Type="text/html")
    fetched = download_file(jotform.origin + PATH, source=source(jotform, storage))
    assert fetched.data == PAGE


def test_download_keeps_the_key_from_a_foreign_address_that_leads_to_the_wall(
    jotform: Loopback, storage: Loopback, key: str
) -> None:
    storage.answers["/x"] = redirect(jotform.origin + PATH)
    jotform.answers[PATH] = redirect("/login/")
    with pytest.raises(LoginRequired):
        download_file(f"{storage.origin}/x", source=source(jotform, storage, key=key))
    assert [asked.path for asked in storage.asked] == ["/x"]
    assert "apikey" not in storage.asked[0].headers


def test_download_does_not_take_a_foreign_404_for_a_login_wall(
    jotform: Loopback, storage: Loopback
) -> None:
    jotform.answers["/elsewhere/rx.jpg"] = answer(status=404)
    for url in (f"{jotform.origin}/elsewhere/rx.jpg", storage.origin + PATH):
        with pytest.raises(DownloadFailed):
            download_file(url, source=source(jotform, storage))


@pytest.mark.parametrize("status", [500, 503])
def test_download_tries_no_second_way_when_jotform_is_down(
    jotform: Loopback, status: int, key: str
) -> None:
    jotform.answers[PATH] = answer(status=status)
    with pytest.raises(DownloadFailed) as caught:
        download_file(jotform.origin + PATH, source=source(jotform, key=key))
    assert caught.value.transient
    assert len(jotform.asked) == 1


def test_download_stops_when_a_redirect_would_carry_the_key_away(
    jotform: Loopback, storage: Loopback, key: str
) -> None:
    jotform.queue = [answer(status=404), redirect(f"{storage.origin}/x?apiKey={key}")]
    with pytest.raises(DownloadFailed) as caught:
        download_file(jotform.origin + PATH, source=source(jotform, storage, key=key))
    assert storage.asked == []
    assert key not in repr(caught.value)


@pytest.mark.parametrize(
    "location", ["http://169.254.169.254/x", "https://10.0.0.1/x", "https://evil.example/login"]
)
def test_download_checks_where_it_is_redirected(jotform: Loopback, location: str, key: str) -> None:
    jotform.answers[PATH] = redirect(location)
    with pytest.raises((HostNotAllowed, LoginRequired)):
        download_file(jotform.origin + PATH, source=source(jotform, key=key))
    assert all(asked.path.startswith(PATH) for asked in jotform.asked)


def test_download_of_a_host_that_is_not_listed(jotform: Loopback, storage: Loopback) -> None:
    with pytest.raises(HostNotAllowed):
        download_file(storage.origin + PATH, source=source(jotform))
    assert storage.asked == []


@pytest.mark.parametrize(
    ("url", "own"),
    [
        ("https://www.jotform.com/uploads/a.jpg", True),
        ("https://eu.jotform.com/uploads/a.jpg", True),
        ("https://jotform.com/uploads/a.jpg", True),
        ("https://forms.clinic.example/uploads/a.jpg", True),
        ("https://evil-jotform.com/uploads/a.jpg", False),
        ("https://jotform.com.evil.example/uploads/a.jpg", False),
        ("https://storage.example/a.jpg", False),
        ("http://www.jotform.com/uploads/a.jpg", False),
        ("https://www.jotform.com:8443/uploads/a.jpg", False),
    ],
)
def test_source_knows_jotforms_own_hosts(url: str, own: bool) -> None:
    every = Policy(
        hosts=(".jotform.com", "jotform.com", "evil-jotform.com", ".example"),
        extra_origins=("http://www.jotform.com", "https://www.jotform.com:8443"),
    )
    files = FileSource(every, "", "https://forms.clinic.example")
    assert files.is_own(every.check(url)) is own


def test_source_from_settings_reads_what_is_configured(settings: Any, key: str) -> None:
    settings.JOTFORM_API_KEY = key
    settings.JOTFORM_API_URL = "https://Forms.Clinic.example/api"
    settings.JOTFORM_FILE_HOSTS = [".jotform.com"]
    settings.DOWNLOAD_EXTRA_ORIGINS = ["http://127.0.0.1:8001"]
    made = source_from_settings()
    assert made.policy.check("https://eu.jotform.com/a").host == "eu.jotform.com"
    assert made.policy.check("http://127.0.0.1:8001/a").is_extra
    assert (made.api_key, made.api_origin) == (key, "https://forms.clinic.example")
    assert (made.policy.max_bytes, made.policy.seconds) == (5 * 1024 * 1024, 10)
    assert key not in repr(made)


def test_download_shares_one_deadline_between_both_ways(jotform: Loopback, key: str) -> None:
    def slow_wall(connection: Any) -> None:
        time.sleep(0.3)
        connection.sendall(answer(status=404))

    jotform.answers[PATH] = slow_wall
    files = FileSource(Policy(extra_origins=(jotform.origin,), seconds=0.4), key, jotform.origin)
    started = time.monotonic()
    with pytest.raises(FetchError) as caught:
        download_file(jotform.origin + PATH, source=files)
    assert time.monotonic() - started < 0.55
    assert caught.value.transient
