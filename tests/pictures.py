"""Makes the pictures of the help and of README.md anew: `python -m tests.pictures [NAME …]`.

Starts the whole service with the demo catalogue and a few demo cases, and looks at it as people do.
"""

import io
import json
import os
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path

os.environ["RAIOX_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"
os.environ["DJANGO_ALLOW_ASYNC_UNSAFE"] = "1"

import django

django.setup()  # what follows imports models

from PIL import Image  # noqa: E402
from playwright.sync_api import Browser, Page, ViewportSize, sync_playwright  # noqa: E402

from tests import chromium  # noqa: E402
from tests.stack import Stack  # noqa: E402

ROOT = Path(__file__).resolve().parent.parent
HELP, DOCS = ROOT / "raiox/static/raiox/help", ROOT / "docs"
PEOPLE = """
import json, os
from django.contrib.auth.models import Group, User
for name, password in json.loads(os.environ["STACK_PEOPLE"]).items():
    user = User.objects.create_user(
        name, f"{name}@example.org", password, first_name=name.title(), is_staff=True
    )
    user.groups.set(Group.objects.filter(name__in=["Revisores", "Curadores"]))
"""
SIZE = ViewportSize(width=1440, height=900)


class DemoStack(Stack):
    """The service as `make run` shows it, without a person at a terminal."""

    def _start_all(self) -> None:
        self.samples.mkdir()
        self.sandbox.start()
        self._create_database()
        self.manage_in_turn(
            ["prepare"],
            ["activate_encoder", "--bundled"],
            ["seed_demo"],
            ["connect_jotform", self.sandbox.form_id, "--default", "--no-webhook"],
            ["shell", "-v", "0", "-c", PEOPLE],
            STACK_PEOPLE=json.dumps(self.passwords),
        )
        self.start_web()
        self.start_worker()
        self.manage("seed_demo_cases", "--samples", str(self.samples))

    @property
    def environment(self) -> dict[str, str]:
        """With mail set up, so that the page of preferences shows what it is about."""
        mail = {"EMAIL_URL": "smtp://127.0.0.1:9", "DEFAULT_FROM_EMAIL": "raiox@example.org"}
        return {**super().environment, **mail}

    def id_of(self, query: str) -> int:
        """The first number that a query of the database gives."""
        return int(self.sql(query)[0][0])


def shoot_queue(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.url}/admin/cases/case/")


def shoot_front(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.url}/admin/")


def shoot_case(page: Page, stack: DemoStack) -> None:
    case = stack.id_of("SELECT id FROM cases WHERE problem = '' ORDER BY id LIMIT 1")
    page.goto(f"{stack.url}/admin/cases/case/{case}/change/")
    page.wait_for_load_state("networkidle")
    page.keyboard.press("1")


def shoot_preferences(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.url}/admin/preferences/")


def shoot_upload(page: Page, stack: DemoStack) -> None:
    implant = stack.id_of("SELECT implant_id FROM reference_images ORDER BY id LIMIT 1")
    page.goto(f"{stack.url}/admin/implants/implant/{implant}/change/")


def shoot_suspects(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.url}/admin/implants/referenceimage/suspects/")


def shoot_quality(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.url}/admin/quality/")


def shoot_sandbox_form(page: Page, stack: DemoStack) -> None:
    page.goto(f"{stack.sandbox.url}/{stack.sandbox.form_id}")


def shoot_sandbox_answer(page: Page, stack: DemoStack) -> None:
    """After Brenda has approved the first case by its first candidate."""
    query = "SELECT id, submission_id FROM cases WHERE problem = '' ORDER BY id LIMIT 1"
    case, submission = stack.sql(query)[0]
    brenda = stack.case_page(stack.log_in(), case)
    brenda.decide("approve", verdict="probable", implant=brenda.candidates[0].implant_id)
    page.goto(f"{stack.sandbox.url}/submissions/{submission}")
    page.locator("[data-state=answered]").wait_for(timeout=20_000)


SHOTS: dict[str, tuple[Path, Callable[[Page, DemoStack], None]]] = {
    "queue": (HELP, shoot_queue),
    "case": (HELP, shoot_case),
    "preferences": (HELP, shoot_preferences),
    "upload": (HELP, shoot_upload),
    "suspects": (HELP, shoot_suspects),
    "quality": (HELP, shoot_quality),
    "front": (DOCS, shoot_front),
    "sandbox-form": (DOCS, shoot_sandbox_form),
    "sandbox-answer": (DOCS, shoot_sandbox_answer),
}


def main(names: list[str]) -> None:
    """Take those pictures, or all."""
    for folder in (HELP, DOCS):
        folder.mkdir(exist_ok=True)
    with tempfile.TemporaryDirectory() as place, sync_playwright() as playwright:
        stack = DemoStack(Path(place))
        with stack:
            path = chromium.find(playwright)
            browser = playwright.chromium.launch(executable_path=path, args=chromium.ARGUMENTS)
            page = logged_in(browser, stack)
            for name in names or SHOTS:
                take(page, stack, name)
            browser.close()


def logged_in(browser: Browser, stack: DemoStack) -> Page:
    """Brenda, who keeps the catalogue too, at her desk."""
    page = browser.new_context(viewport=SIZE, locale="pt-BR", color_scheme="light").new_page()
    page.goto(f"{stack.url}/admin/")
    page.fill("[name=username]", "brenda")
    page.fill("[name=password]", stack.passwords["brenda"])
    page.click("[type=submit]")
    return page


def take(page: Page, stack: DemoStack, name: str) -> None:
    """One picture, small enough for a page of help."""
    folder, shoot = SHOTS[name]
    shoot(page, stack)
    page.wait_for_load_state("networkidle")
    picture = Image.open(io.BytesIO(page.screenshot()))
    target = folder / f"{name}.webp"
    picture.convert("RGB").save(target, "WEBP", quality=78, method=6)
    print(f"{target.relative_to(ROOT)}: {target.stat().st_size // 1024} KiB", flush=True)


if __name__ == "__main__":
    main(sys.argv[1:])
