"""nginx with the server's own files, in front of the real service."""

import json
import shutil
import subprocess
from collections.abc import Iterator
from typing import Any, NamedTuple

import pytest

from tests.deploy import tools
from tests.deploy.machine import HOST
from tests.deploy.site import Answer, Site
from tests.sandbox.process import wait_for
from tests.stack import SYSTEMS, film


def logged(site: Site, client: str) -> list[dict[str, Any]]:
    """What the log says of this visitor; nginx writes a line after it has answered."""
    lines = [json.loads(line) for line in site.access_log.read_text().splitlines()]
    return [line for line in lines if line["client"] == client]


def secrets_told(site: Site) -> list[str]:
    """Logs of nginx that hold the webhook's token."""
    logs = (site.access_log, site.error_log, site.folder / "log" / "access.log")
    return [path.name for path in logs if site.stack.token in path.read_text()]


def by_nginx(answer: Answer) -> bool:
    """Whether the service never heard of it."""
    return "X-Correlation-ID" not in answer.headers


def refusal(answer: Answer) -> tuple[str, str]:
    """Code and message, in the one shape that errors have."""
    assert answer.headers["Content-Type"] == "application/json"
    error = json.loads(answer.body)["error"]
    return error["code"], error["message"]


def test_nginx_understands_each_line(behind_nginx: Site) -> None:
    done = behind_nginx.check()
    assert done.returncode == 0, done.stderr
    assert "[warn]" not in done.stderr


def test_it_forwards_and_a_correlation_id_goes_through(behind_nginx: Site) -> None:
    named = {"X-Correlation-ID": "through-nginx-1"}
    answer = behind_nginx.ask("/healthcheck", client="127.0.0.20", headers=named)
    assert answer.status == 200 and json.loads(answer.body)["status"] == "ok"
    assert answer.headers["X-Correlation-ID"] == "through-nginx-1"
    (line,) = wait_for(lambda: logged(behind_nginx, "127.0.0.20"), 10)
    assert (line["status"], line["path"]) == (200, "/healthcheck")
    assert line["correlation_id"] == "through-nginx-1"


# Who is at the other end


def test_the_service_sees_the_visitors_address_and_not_what_it_claims(behind_nginx: Site) -> None:
    claims = {"X-Forwarded-For": "203.0.113.9", "X-Real-IP": "203.0.113.9"}
    behind_nginx.ask("/webhook/wrong", method="POST", client="127.0.0.21", headers=claims)
    refused = [
        json.loads(line)
        for line in behind_nginx.web_log.read_text().splitlines()
        if '"webhook refused"' in line
    ]
    assert [line["client"] for line in refused][-1] == "127.0.0.21"


def test_figures_are_told_to_the_inside_only(behind_nginx: Site) -> None:
    for host in (HOST, "10.0.0.5"):
        assert b"raiox_build" in behind_nginx.ask("/metrics", client="127.0.0.3", host=host).body
        assert behind_nginx.ask("/metrics", client="127.0.0.9", host=host).status == 403
    claims = {"X-Forwarded-For": "127.0.0.3"}
    assert behind_nginx.ask("/metrics", client="127.0.0.9", headers=claims).status == 403


def test_who_asks_for_no_name_of_ours_gets_no_answer(behind_nginx: Site) -> None:
    assert behind_nginx.ask("/", host="203.0.113.1").status == 0
    assert behind_nginx.ask("/admin/", host="evil.example", client="127.0.0.3").status == 0
    assert behind_nginx.ask("/health", host="127.0.0.1").status == 200


# Limits


@pytest.mark.parametrize(
    ("path", "limit", "status"),
    [
        # The service's own limit, which says what is wrong with it.
        ("/search", 6 * 2**20, 413),
        ("/webhook/{token}", 10 * 2**20, 200),
    ],
)
def test_bodies_have_a_limit_each(behind_nginx: Site, path: str, limit: int, status: int) -> None:
    path = path.format(token=behind_nginx.stack.token)
    over = behind_nginx.ask(path, method="POST", body=b"x" * (limit + 1))
    assert over.status == 413 and by_nginx(over)
    assert refusal(over) == ("too_large", "O corpo da requisição é grande demais.")
    under = behind_nginx.ask(path, method="POST", body=b"x" * (limit - 1000))
    assert under.status == status and not by_nginx(under)
    assert secrets_told(behind_nginx) == []


def test_who_tries_passwords_without_end_is_held_back(behind_nginx: Site) -> None:
    english = {"Accept-Language": "en"}
    answers = [
        behind_nginx.ask("/auth/token", client="127.0.0.31", headers=english) for _ in range(60)
    ]
    assert refusal(answers[-1]) == ("too_many_requests", "Too many requests.")
    statuses = [answer.status for answer in answers]
    assert statuses[0] == 405 and statuses[-1] == 429
    assert behind_nginx.ask("/auth/token", client="127.0.0.32").status == 405
    wait_for(lambda: len(logged(behind_nginx, "127.0.0.31")) == 60, 10)
    assert [line["status"] for line in logged(behind_nginx, "127.0.0.31")] == statuses


def test_an_answer_arrives_whose_request_was_not_read(behind_nginx: Site) -> None:
    large = b"x" * (5 * 2**20)
    answers = [behind_nginx.ask("/search", method="POST", body=large) for _ in range(5)]
    assert {answer.status for answer in answers} == {401}


# What logs say


@pytest.mark.parametrize(
    ("number", "path", "told"),
    [
        (41, "/webhook/{token}", "/webhook/***"),
        (42, "/webhook/{token}/more?x={token}", "/webhook/***/more"),
        (43, "//webhook/{token}", "//webhook/***"),
        (44, "/files/cases/{token}/thumbnail", "/files/cases/***/thumbnail"),
        (45, "/files/cases/api/{token}", "/files/cases/api/***"),
        (46, "/files/references/signed/{token}", "/files/references/signed/***"),
        (47, "/files/references/5/thumbnail", "/files/references/5/thumbnail"),
        (48, "/admin/?q=Yolanda", "/admin/"),
    ],
)
def test_the_log_masks_what_is_secret(
    behind_nginx: Site, number: int, path: str, told: str
) -> None:
    client = f"127.0.0.{number}"
    behind_nginx.ask(path.format(token=behind_nginx.stack.token), client=client)
    (line,) = wait_for(lambda: logged(behind_nginx, client), 10)
    assert line["path"] == told
    assert secrets_told(behind_nginx) == []


@pytest.fixture
def without_service(behind_nginx: Site) -> Iterator[Site]:
    """gunicorn does not answer."""
    behind_nginx.stack.stop("web")
    yield behind_nginx
    behind_nginx.stack.start_web()


def test_when_the_service_is_away_people_read_so(without_service: Site) -> None:
    answer = without_service.ask("/admin/")
    assert (answer.status, answer.headers["Retry-After"]) == (503, "30")
    assert "O Raiox AI volta já" in answer.body.decode()
    path = f"/webhook/{without_service.stack.token}?nome=Yolanda"
    told = without_service.ask(path, method="POST", client="127.0.0.51")
    assert (told.status, refusal(told)[0]) == (503, "unavailable")
    (line,) = wait_for(lambda: logged(without_service, "127.0.0.51"), 10)
    assert line["upstream_status"] == "502"
    assert secrets_told(without_service) == []
    assert "Yolanda" not in without_service.error_log.read_text()


# Films


class Film(NamedTuple):
    """A patient's film: its address, as a reviewer's page has it, and its name among files."""

    path: str
    name: str


@pytest.fixture(scope="module")
def received(behind_nginx: Site) -> Film:
    """One that came by nginx too."""
    stack = behind_nginx.stack
    sent = {"dente": "44", "paciente": "Zilda Prado"}
    submission = stack.sandbox.submit(sent, files={"a.png": film(SYSTEMS[0], query=True)})["id"]
    case = stack.pending(submission)
    page = stack.log_in().get(f"{stack.url}/admin/cases/case/{case}/change/", timeout=20).text
    path = "/files/cases/" + page.split("/files/cases/", 1)[1].split('"', 1)[0].split("/")[0]
    ((name,),) = stack.sql("SELECT file FROM case_images WHERE case_id = %s", case)
    return Film(path, name)


def test_nginx_sends_a_film_as_the_service_would(behind_nginx: Site, received: Film) -> None:
    cookie = behind_nginx.session()
    sent = behind_nginx.ask(received.path, headers=cookie)
    assert sent.status == 200 and sent.headers["Content-Type"] == "image/png"
    assert sent.body == (behind_nginx.media / received.name).read_bytes()
    assert "X-Accel-Redirect" not in sent.headers
    # The same headers as on a film that the service itself sends, but those of each transfer.
    own = behind_nginx.ask(f"{received.path}/thumbnail", headers=cookie)
    of_transfer = {"Date", "Server", "Connection", "Content-Length", "Accept-Ranges",
                   "Last-Modified", "X-Correlation-ID", "ETag", "Content-Type"}  # fmt: skip
    assert {k: v for k, v in own.headers.items() if k not in of_transfer} == {
        k: v for k, v in sent.headers.items() if k not in of_transfer
    }
    again = behind_nginx.ask(
        received.path, headers={**cookie, "If-None-Match": sent.headers["ETag"]}
    )
    assert (again.status, again.body) == (304, b"")


def test_nobody_gets_a_film_around_the_service(behind_nginx: Site, received: Film) -> None:
    name = received.name
    assert (behind_nginx.media / name).is_file()
    cookie = behind_nginx.session()
    for place in (f"/_films/{name}", "/_films/", f"/_films/../_films/{name}", f"//_films/{name}"):
        assert behind_nginx.ask(place, headers=cookie).status == 404, place
    assert behind_nginx.ask(received.path).status == 302
    assert behind_nginx.ask(f"{received.path}x", headers=cookie).status == 404
    assert behind_nginx.ask("/files/cases/api/1-2-3:x").status == 404


# TLS


@pytest.fixture
def with_tls(behind_nginx: Site) -> Iterator[Site]:
    """A certificate is there, bootstrap.sh ran again, and RAIOX_TLS is on."""
    machine = behind_nginx.machine
    live = machine.file(f"/etc/letsencrypt/live/{HOST}")
    live.mkdir(parents=True)
    subprocess.run(
        [tools.path("openssl"), "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "1",
         "-subj", f"/CN={HOST}", "-keyout", live / "privkey.pem", "-out", live / "fullchain.pem"],
        check=True, capture_output=True,
    )  # fmt: skip
    _start_anew(behind_nginx, "on")
    yield behind_nginx
    shutil.rmtree(live)
    _start_anew(behind_nginx, "off")


def _start_anew(site: Site, tls: str) -> None:
    site.machine.make("app")
    site.stop()
    site.stack.stop("web")
    site.stack.more_environment["RAIOX_TLS"] = tls
    site.stack.start_web()
    site.start()


def test_with_a_certificate_everybody_is_led_to_https(with_tls: Site) -> None:
    assert with_tls.check().returncode == 0
    led = with_tls.ask("/admin/login/?next=/admin/")
    assert led.headers["Location"] == f"https://{HOST}/admin/login/?next=/admin/"
    page = with_tls.ask("/admin/login/", tls=True)
    assert page.status == 200 and page.headers["Strict-Transport-Security"]
    assert "secure" in page.headers["Set-Cookie"].lower()
    assert with_tls.ask("/health", host="127.0.0.1").status == 200
    challenge = with_tls.folder / "certbot/.well-known/acme-challenge"
    challenge.mkdir(parents=True)
    (challenge / "x").write_text("for the authority")
    assert with_tls.ask("/.well-known/acme-challenge/x").body == b"for the authority"
