"""What tests of several applications share."""

import os
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as product_settings
from django.contrib.auth.models import User
from django.contrib.contenttypes.models import ContentType
from django.core.management.commands import flush
from django.db import connection, connections
from django.test.utils import setup_databases, teardown_databases
from django.utils import translation
from playwright.sync_api import Browser, Page, expect, sync_playwright
from pytest_django import DjangoDbBlocker
from pytest_django.live_server_helper import LiveServer

from tests import chromium, redis_server
from tests.people import logged_in
from tests.sandbox.process import SandboxProcess
from tests.stack import Stack

pytest_plugins = ["tests.object_storage"]

_LONGEST = ("load/", "deploy/test_release", "cases/browser/test_accessible", "api/test_contract")
"""Files that take minutes."""


@pytest.hookimpl(trylast=True)
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """The longest files begin: of processes that share all files none ends with one alone."""
    here = Path(__file__).parent
    items.sort(key=lambda item: not str(item.path.relative_to(here)).startswith(_LONGEST))


_MADE_BY_MIGRATING = ("django_content_type", "auth_permission")
"""Tables in the order of their references."""


@pytest.fixture(scope="session")
def _databases(
    django_test_environment: None,
    django_db_modify_db_settings: None,
    django_db_blocker: DjangoDbBlocker,
) -> Iterator[None]:
    """The tests' databases, whichever tests run.

    pytest-django's own fixture makes those that tests with its mark name. A test of the whole
    service has no mark: run alone, it would find the database of the settings.
    """
    with django_db_blocker.unblock():
        made = setup_databases(verbosity=0, interactive=False, serialized_aliases=[])
    yield
    with django_db_blocker.unblock():
        teardown_databases(made, verbosity=0)


@pytest.fixture(scope="session")
def django_db_setup(_databases: None, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Where tables are emptied after a test, what Django makes anew is put back from a copy.

    Making it takes longer than emptying all tables, some hundred times over.
    """
    with django_db_blocker.unblock(), connection.cursor() as cursor:
        copies = {}
        for table in _MADE_BY_MIGRATING:
            with cursor.copy(f"COPY {table} TO STDOUT") as copy:
                copies[table] = b"".join(copy)

    def put_back(verbosity: int, interactive: bool, db: str) -> None:
        with connections[db].cursor() as cursor:
            for table, rows in copies.items():
                with cursor.copy(f"COPY {table} FROM STDIN") as copy:
                    copy.write(rows)
        ContentType.objects.clear_cache()

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(flush, "emit_post_migrate_signal", put_back)
        yield


@pytest.fixture(autouse=True)
def _service_language() -> None:
    """A request of an earlier test leaves its language behind in the thread."""
    translation.activate(product_settings.LANGUAGE_CODE)


@pytest.fixture(autouse=True)
def _no_jobs_stay(request: Any, django_db_blocker: DjangoDbBlocker) -> Iterator[None]:
    """Where a test's tables are emptied, the queue's are too, which Django's flush forgets."""
    yield
    mark = request.node.get_closest_marker("django_db")
    if {"transactional_db", "live_server"} & set(request.fixturenames) or (
        mark and mark.kwargs.get("transaction")
    ):
        with django_db_blocker.unblock(), connection.cursor() as cursor:
            cursor.execute("TRUNCATE procrastinate_jobs CASCADE")


@pytest.fixture(scope="session")
def _sandbox_process() -> Iterator[SandboxProcess]:
    with SandboxProcess() as sandbox:
        yield sandbox


@pytest.fixture(scope="session")
def stack(
    django_db_setup: None, django_db_blocker: DjangoDbBlocker, tmp_path_factory: Any
) -> Iterator[Stack]:
    """The whole service as real processes, for the tests that need them."""
    with (
        django_db_blocker.unblock(),
        Stack(tmp_path_factory.mktemp("stack")) as running,
        django_db_blocker.block(),
    ):
        yield running


@pytest.fixture(scope="session")
def redis_url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    """A real Redis on loopback, one for all tests."""
    with redis_server.running(tmp_path_factory.mktemp("redis")) as url:
        yield url


@pytest.fixture
def sandbox(_sandbox_process: SandboxProcess, settings: Any) -> Iterator[SandboxProcess]:
    """The stand-in for Jotform in its own process, and the settings that lead to it."""
    sandbox = _sandbox_process
    settings.JOTFORM_API_URL = sandbox.url
    settings.JOTFORM_API_KEY = sandbox.api_key
    settings.DOWNLOAD_EXTRA_ORIGINS = [sandbox.url, sandbox.other_origin]
    yield sandbox
    sandbox.reset()


@pytest.fixture(scope="session")
def browser() -> Iterator[Browser]:
    """A real Chromium, one for all tests; `make test` sees to it that there is one."""
    # Playwright's loop stays in this thread, which Django takes for asynchronous code from now on.
    os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"
    # Encoding five films beside other tests can take longer than Playwright's five seconds.
    expect.set_options(timeout=15_000)
    with sync_playwright() as playwright:
        path = chromium.find(playwright)
        assert path is not None, "there is no Chromium: `python -m tests.chromium` installs one"
        opened = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
        yield opened
        opened.close()


@pytest.fixture
def answered() -> Iterator[None]:
    """Afterwards: every request to the live server was answered.

    A page that is closed leaves requests behind, and emptying the tables would wait for theirs.
    """
    yield
    end = time.monotonic() + 20
    while time.monotonic() < end and any(
        thread.name.endswith("(process_request_thread)") for thread in threading.enumerate()
    ):
        time.sleep(0.01)


# Chromium's own words on the console are for people; this event is for programs. Once axe-core is
# put into a page, it tries styles and code of its own there, which the policy rightly forbids.
_TELL_OF_CSP = """addEventListener("securitypolicyviolation", (event) => window.axe ||
  console.error("CSP:", event.effectiveDirective, event.blockedURI, event.sourceFile, event.sample)
)"""


@pytest.fixture
def errors() -> list[str]:
    """What goes wrong in `page`: errors of JavaScript, and what the security policy forbids."""
    return []


@pytest.fixture
def page(browser: Browser, answered: None, errors: list[str]) -> Iterator[Page]:
    """A page in a window of Brenda's size; whatever is among its `errors` fails the test."""
    context = browser.new_context(viewport={"width": 1440, "height": 900}, locale="pt-BR")
    context.add_init_script(_TELL_OF_CSP)
    opened = context.new_page()
    opened.on("pageerror", lambda error: errors.append(str(error)))
    opened.on(
        "console", lambda message: errors.append(message.text) if "CSP:" in message.text else None
    )
    yield opened
    context.close()
    assert errors == []


@pytest.fixture
def visit(page: Page, live_server: LiveServer) -> Callable[..., Page]:
    """Opens a path of the admin as somebody: `visit(user, "/admin/")`.

    A light server in this process, on the test's own database, for pages that need no worker; the
    tests of the whole service use `stack`. `where` is another browser window's page.
    """

    def open_as(user: User, path: str, *, where: Page = page) -> Page:
        name = product_settings.SESSION_COOKIE_NAME
        session = logged_in(user).cookies[name].value
        where.context.add_cookies([{"name": name, "value": session, "url": live_server.url}])
        where.goto(live_server.url + path)
        return where

    return open_as
