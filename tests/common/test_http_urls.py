import pytest

from raiox.common.http import HostNotAllowed, Policy, normalise, origin_of
from raiox.common.http.urls import HostRules

POLICY = Policy(
    hosts=("www.jotform.com", ".files.example.com"), extra_origins=("http://127.0.0.1:8001",)
)


@pytest.mark.parametrize(
    ("raw", "clean"),
    [
        ("https://h.com/rx 1.png", "https://h.com/rx%201.png"),
        ("https://h.com/rx%201.png", "https://h.com/rx%201.png"),
        ("https://h.com/a%2520b.png", "https://h.com/a%2520b.png"),
        ("https://h.com/100%.png", "https://h.com/100%25.png"),
        ("https://h.com/raio x ção.png", "https://h.com/raio%20x%20%C3%A7%C3%A3o.png"),
        ("https://h.com/a+b(1).png?x=a%2Fb&y=c d", "https://h.com/a+b(1).png?x=a%2Fb&y=c%20d"),
        ("https://h.com/a.png#part", "https://h.com/a.png"),
        ("https://h.com", "https://h.com/"),
        ("  https://h.com/a.png ", "https://h.com/a.png"),
    ],
)
def test_normalise_encodes_once_and_never_twice(raw: str, clean: str) -> None:
    assert normalise(raw) == clean
    assert normalise(clean) == clean


@pytest.mark.parametrize(
    "url",
    [
        "https://www.jotform.com/uploads/a.png",
        "https://WWW.JotForm.com:443/a.png",
        "https://a.files.example.com/a.png",
        "https://a.b.files.example.com/a.png",
    ],
)
def test_check_allows_listed_hosts_over_https(url: str) -> None:
    assert not POLICY.check(url).is_extra


@pytest.mark.parametrize(
    "url",
    [
        "http://www.jotform.com/a.png",
        "ftp://www.jotform.com/a.png",
        "gopher://www.jotform.com/a.png",
        "data:image/png;base64,AAAA",
        "file:///etc/passwd",
        "//www.jotform.com/a.png",
        "/uploads/a.png",
        "",
        "https:///a.png",
        "https://www.jotform.com:8443/a.png",
        "https://www.jotform.com:0/a.png",
        "https://www.jotform.com:99999/a.png",
        "https://www.jotform.com:x/a.png",
        "https://www.jotform.com./a.png",
        "https://jotform.com/a.png",
        "https://evil-www.jotform.com/a.png",
        "https://www.jotform.com.evil.example/a.png",
        "https://files.example.com/a.png",
        "https://evilfiles.example.com/a.png",
        "https://user:word@www.jotform.com/a.png",
        "https://www.jotform.com@evil.example/a.png",
        "https://evil.example\\@www.jotform.com/a.png",
        "https://evil.example\\.www.jotform.com/a.png",
        "https://www.jotform.com\t.evil.example/a.png",
        "https://www.jotform.com/a\r\nHost: evil.example",
        "https://www.jotform.com%2eevil.example/a.png",
        "https://www。jotform。com/a.png",
        "https://wwẃ.jotform.com/a.png",
        "https://[::1/a.png",
        "https://[::1]/a.png",
        "https://2130706433/a.png",
        "https://0x7f.1/a.png",
        "https://127.0.0.1:8001/a.png",
        "http://127.0.0.1:8002/a.png",
        "http://localhost:8001/a.png",
        "http://127.0.0.1:8001@evil.example/a.png",
        "http://user@127.0.0.1:8001/a.png",
    ],
)
def test_check_refuses_everything_else(url: str) -> None:
    with pytest.raises(HostNotAllowed) as caught:
        POLICY.check(url)
    assert caught.value.reason == "host_not_allowed"
    assert "word" not in str(caught.value)


def test_check_knows_the_exact_extra_origin() -> None:
    target = POLICY.check("HTTP://127.0.0.1:8001/a b.png?c")
    assert target.is_extra
    assert (target.origin, target.path) == ("http://127.0.0.1:8001", "/a%20b.png?c")


def test_target_shows_no_query() -> None:
    target = POLICY.check("https://www.jotform.com/a.png?signature=geheim")
    assert target.url_without_query == "https://www.jotform.com/a.png"


@pytest.mark.parametrize(
    "entry", ["*.jotform.com", "https://jotform.com", "jotform.com/", "Jotform.com", "", ".", "a:1"]
)
def test_host_rules_refuse_a_malformed_entry(entry: str) -> None:
    with pytest.raises(ValueError, match="not a host name"):
        HostRules((entry,))


@pytest.mark.parametrize("origin", ["127.0.0.1:8001", "http://h:1/path", "http://h:1/?q", "*"])
def test_policy_refuses_an_extra_origin_that_is_none(origin: str) -> None:
    with pytest.raises(ValueError, match=r"origin|URL"):
        Policy(extra_origins=(origin,))


@pytest.mark.parametrize(
    "url",
    [
        "ftp://h.com",
        "file:///a",
        "https://h%2ecom",
        "https://h .com",
        "https://u@h.com",
        "https://hé.com",
    ],
)
def test_origin_of_takes_nothing_that_two_parsers_could_read_differently(url: str) -> None:
    """No list of hosts stands behind a configured origin: the URL itself has to be refused."""
    with pytest.raises(ValueError, match="not a usable URL"):
        origin_of(url)


def test_origin_of_has_one_spelling() -> None:
    assert origin_of("HTTPS://API.jotform.com:443/v1?x") == "https://api.jotform.com"
    assert origin_of("http://[::1]:8001/x") == "http://[::1]:8001"
