"""Every page of the admin bears axe-core's look, at 200 % zoom, and from the keyboard alone."""

from collections.abc import Callable

import pytest
from django.contrib.contenttypes.models import ContentType
from django.template.loader import render_to_string
from django.urls import reverse
from playwright.sync_api import Page

from cases.models import Case
from implants.models import Implant, ReferenceImage
from tests.cases.browser.axe import violations
from tests.cases.world import World, admin_routes
from tests.people import logged_in, person

pytestmark = pytest.mark.django_db(transaction=True)
Visit = Callable[..., Page]

# Visited below, by clicking.
BY_HAND = ("login", "logout")
ERRORS = ("400.html", "403.html", "403_csrf.html", "404.html", "500.html")


def check(page: Page, paths: dict[str, str]) -> None:
    """Visit each path; all serious findings at once, so that they can be mended at once."""
    found = {}
    for name, path in paths.items():
        response = page.goto(path)
        assert response is not None
        assert response.status in (200, 403), f"{name}: {response.status}"
        if problems := violations(page):
            found[name] = problems
    assert not found, "\n".join(
        f"{name}:\n    " + "\n    ".join(problems) for name, problems in found.items()
    )


def test_no_page_of_the_admin_is_forgotten(world: World) -> None:
    """What is not visited has no page: it takes POST only, leads on, or gives a part of one."""
    browser = logged_in(world.visitor)
    visited = {*world.paths(), *world.other_paths(), *BY_HAND}
    routes = admin_routes()
    assert visited - set(routes) == set(), "there is no such route any more"
    forgotten = []
    for name in sorted(set(routes) - visited):
        answer = browser.get(reverse(f"admin:{name}", args=_arguments(name, routes, world)))
        if answer.status_code == 200 and b"<html" in answer.content[:500]:
            forgotten.append(name)
    assert forgotten == [], "visit it: World.other_paths"


def _arguments(name: str, routes: dict[str, list[str]], world: World) -> list[int]:
    """The first row of whatever the route is about."""
    case = world.cases["waiting"]
    rows = {
        "finding_id": case.findings.get().pk,
        "content_type_id": ContentType.objects.get_for_model(Case).pk,
        "form_id": case.form_id,
    }
    first = ReferenceImage.objects.first() if "reference" in name else Implant.objects.first()
    about = case if name.startswith("cases_") else first
    assert about is not None
    return [rows.get(argument, about.pk) for argument in routes[name]]


def test_the_page_of_a_case_in_every_state(visit: Visit, world: World) -> None:
    page = visit(world.visitor, "/admin/")
    base = page.url.removesuffix("/admin/")
    check(
        page,
        {
            state: base + reverse("admin:cases_case_change", args=[case.pk])
            for state, case in world.cases.items()
        },
    )


def test_pages_of_cases_and_forms(visit: Visit, world: World) -> None:
    _check_models(visit, world, ("cases_", "webhooks_"))


def test_pages_of_the_catalogue(visit: Visit, world: World) -> None:
    _check_models(visit, world, ("implants_",))


def test_pages_of_people(visit: Visit, world: World) -> None:
    _check_models(visit, world, ("auth_",))


def _check_models(visit: Visit, world: World, apps: tuple[str, ...]) -> None:
    page = visit(world.visitor, "/admin/")
    base = page.url.removesuffix("/admin/")
    check(page, {n: base + path for n, path in world.paths().items() if n.startswith(apps)})


def test_other_pages(visit: Visit, world: World) -> None:
    page = visit(world.visitor, "/admin/")
    base = page.url.removesuffix("/admin/")
    check(page, {name: base + path for name, path in world.other_paths().items()})


def test_pages_as_a_reviewer_and_as_a_curator_see_them(visit: Visit, world: World) -> None:
    """Who may do less sees other pages."""
    case = world.cases["waiting"].pk
    for user, paths in (
        (person("brenda", "Revisores"), ["/admin/", f"/admin/cases/case/{case}/change/"]),
        (person("leitor", "Leitores"), ["/admin/", f"/admin/cases/case/{case}/change/"]),
        (person("curadora", "Curadores"), ["/admin/", "/admin/implants/implant/"]),
    ):
        page = visit(user, "/admin/")
        base = page.url.removesuffix("/admin/")
        check(page, {f"{user} {path}": base + path for path in paths})


def test_logging_in_and_out(visit: Visit, world: World, page: Page) -> None:
    visit(world.visitor, "/admin/")
    page.locator("#logout-form button").click()
    assert violations(page) == []
    page.goto(page.url.replace("logout", "login"))
    page.fill("[name=username]", "nobody")
    page.fill("[name=password]", "wrong")
    page.click("[type=submit]")
    assert violations(page) == []


def test_error_pages(visit: Visit, world: World) -> None:
    page = visit(world.visitor, "/admin/")
    for name in ERRORS:
        page.set_content(render_to_string(name))
        assert violations(page) == [], name
