"""Who may do what: every address × everybody, as `access_table.txt` says.

A line is a route, the outcomes of GET, and those of POST: for anonymous, reader, reviewer, curator,
superuser. `login` is a redirect to the log-in; POST is sent empty, so that 400, 302 or 404 mean
that the visitor passed the door. Nothing that a request does stays.
"""

import re
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from django.contrib import admin
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.cache import cache
from django.core.signing import TimestampSigner
from django.db import transaction
from django.test import Client
from django.urls import URLResolver, get_resolver
from rest_framework_simplejwt.tokens import AccessToken

from cases import links
from cases.models import Case
from implants.models import ReferenceImage, Suspicion
from raiox.api.auth import _with_scopes
from tests.cases.world import World
from tests.people import person

pytestmark = pytest.mark.django_db
PEOPLE = ("anonymous", "Leitores", "Revisores", "Curadores", "superuser")
FILE = Path(__file__).with_name("access_table.txt")
Outcomes = tuple[str, str]


def table() -> dict[str, Outcomes]:
    """Route -> outcomes of GET, outcomes of POST."""
    lines = [line.split("|") for line in FILE.read_text().splitlines() if line.strip()]
    return {route.strip(): (get.strip(), post.strip()) for route, get, post in lines}


def routes(resolver: Any = None, prefix: str = "") -> Iterator[str]:
    """Every pattern of the URL configuration, in full."""
    for entry in (resolver or get_resolver()).url_patterns:
        pattern = prefix + str(entry.pattern)
        if isinstance(entry, URLResolver):
            yield from routes(entry, pattern)
        else:
            yield pattern.replace("|", "/")


def test_every_address_is_in_the_table() -> None:
    assert set(routes()) == set(table()), "decide who may do what there, and write it down"


def test_everybody_may_do_what_the_table_says(world: World, settings: Any) -> None:
    settings.WEBHOOK_TOKENS = []
    settings.WEBHOOK_RATE_UNAUTHENTICATED = "1000/m"
    cache.clear()
    browsers = dict(_browsers(world))
    wrong = []
    for route, expected in table().items():
        path = _path(route, world)
        for method, outcomes in zip(("get", "post"), expected, strict=True):
            found = " ".join(_outcome(browsers[who], method, path) for who in PEOPLE)
            if found != outcomes:
                wrong.append(f"{method} {route}: {found}, not {outcomes}")
    assert not wrong, "\n" + "\n".join(wrong)


def _browsers(world: World) -> Iterator[tuple[str, Client]]:
    yield "anonymous", Client(raise_request_exception=False)
    for group in ("Leitores", "Revisores", "Curadores"):
        yield group, _logged_in(person(group.lower(), group))
    yield "superuser", _logged_in(world.visitor)


def _logged_in(user: User) -> Client:
    """Her browser and her program in one: each route looks at what it knows."""
    token = _with_scopes(str(AccessToken.for_user(user)))
    headers = {"Authorization": f"Bearer {token}"}
    client = Client(raise_request_exception=False, headers=headers)
    client.force_login(user)
    return client


def _outcome(client: Client, method: str, path: str) -> str:
    savepoint, cookies = transaction.savepoint(), deepcopy(client.cookies)
    answer = getattr(client, method)(path)
    transaction.savepoint_rollback(savepoint)
    client.cookies = cookies
    if answer.status_code == 302 and answer["Location"].startswith("/admin/login/"):
        return "login"
    return str(answer.status_code)


def _path(route: str, world: World) -> str:
    if "(?P<" in route:
        return "/admin/cases/" if "app_label" in route else "/admin/nowhere"
    return "/" + re.sub(r"<(?:\w+:)?(\w+)>", lambda part: _value(part[1], route, world), route)


def _value(name: str, route: str, world: World) -> str:
    case = world.cases["waiting"]
    reference = ReferenceImage.objects.earliest("pk")
    if name == "token":
        return _token(route, world)
    if name in ("kind", "page"):
        return {"kind": "csv", "page": "reviewer"}[name]
    rows: dict[str, Any] = {
        "finding_id": case.findings.get().pk,
        "content_type_id": ContentType.objects.get_for_model(Case).pk,
        "form_id": case.form_id,
    }
    if name in rows:
        return str(rows[name])
    if "suspects/" in route:
        return str(Suspicion.objects.earliest("pk").pk)
    if "reference" in route and not route.startswith("files/implants"):
        return str(reference.pk)
    if route.startswith(("files/implants", "implants")):
        return str(reference.implant_id)
    if route.startswith(("cases", "admin/cases/case/", "admin/r/")):
        return str(case.pk)
    return str(_first(*route.split("/")[1:3]))


def _token(route: str, world: World) -> str:
    image = world.cases["waiting"].images.get()
    if route.startswith("files/references"):
        return TimestampSigner(salt="implants.links").sign(
            str(ReferenceImage.objects.earliest("pk").pk)
        )
    if route.startswith("files/cases/api"):
        return links.api_film_url(image, world.visitor).rsplit("/", 1)[1]
    if route.startswith("files/cases"):
        return links.film_url(image).rsplit("/", 1)[1]
    return "wrong"


def _first(app: str, model: str) -> int:
    (found,) = (
        known for known in admin.site._registry if known._meta.label_lower == f"{app}.{model}"
    )
    return int(found._default_manager.earliest("pk").pk)
