"""`manage.py seed_demo_cases`: a few cases for the first look, sent the way dentists send them."""

import json
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import urllib3
from django.conf import settings
from django.core.management import call_command
from django.core.management.base import BaseCommand, CommandError, CommandParser

from cases.models import Case
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from webhooks.client import client_from_settings
from webhooks.models import JotformForm
from webhooks.resources import JotformQuestion

_UNSEEN = (Case.State.RECEIVED, Case.State.ANALYZING)
_WAIT_SECONDS = 40.0
_SAMPLE_EVERY = 3
"""Every third system gives a sample film: enough to choose from on the form."""


@dataclass(frozen=True)
class _Sending:
    """What an invented dentist fills in; `samples` are places in the list of sample films."""

    first: str
    last: str
    patient: str
    tooth: str
    samples: tuple[int, ...]
    spoilt: bool = False


_SENDINGS = (
    _Sending("Ana", "Dias", "B. F.", "36", (0,)),
    _Sending("Carlos", "Moura", "L. S.", "11", (3,)),
    _Sending("Helena", "Prado", "M. A.", "46", (5,)),
    _Sending("Jorge", "Nunes", "R. T.", "24", (7,)),
    _Sending("Marta", "Reis", "C. V.", "15", (), spoilt=True),
)


class Command(BaseCommand):
    """Renders sample films for the sandbox's form, and sends some through it."""

    help = (
        "Send a few demo cases through the sandbox (local and test mode only). Does nothing when "
        "the sandbox's form has cases already. Example: manage.py seed_demo_cases"
    )

    def add_arguments(self, parser: CommandParser) -> None:
        """Where the sandbox looks for its sample films."""
        parser.add_argument(
            "--samples", type=Path, default=settings.VAR_DIR / "sandbox" / "samples"
        )

    def handle(self, *args: Any, **options: Any) -> None:
        """Films, form, cases; then wait until the worker is through with them."""
        if not settings.IS_DEVELOPMENT:
            raise CommandError("Demo cases are for local and test mode.")
        names = write_samples(options["samples"])
        form_id = self._form_id()
        if not JotformForm.objects.filter(form_id=form_id).exists():
            title = "Sandbox (demonstração)"
            call_command("connect_jotform", form_id, "--default", "--title", title, verbosity=0)
        if Case.objects.filter(form__form_id=form_id).exists():
            return
        inputs = {q.name: q for q in client_from_settings().get_questions(form_id)}
        for sending in _SENDINGS:
            self._send(form_id, inputs, sending, names)
        self._wait(form_id)

    def _form_id(self) -> str:
        answer = self._request("GET", "/_control/")
        return str(json.loads(answer.data)["form_id"])

    def _send(
        self,
        form_id: str,
        inputs: dict[str, JotformQuestion],
        sending: _Sending,
        names: list[str],
    ) -> None:
        """Fill in the form as a browser does."""
        key = {name: f"q{question.qid}_{name}" for name, question in inputs.items()}
        fields: list[tuple[str, Any]] = [
            (f"{key['nome']}[first]", sending.first),
            (f"{key['nome']}[last]", sending.last),
            (key["email"], f"{sending.first.lower()}@example.org"),
            (key["paciente"], sending.patient),
            (key["dente"], sending.tooth),
            *(("sample", names[place % len(names)]) for place in sending.samples),
        ]
        if sending.spoilt:
            page = "<html><body>Not a film</body></html>"
            fields.append((f"{key['radiografia']}[]", ("radiografia.jpg", page)))
        self._request("POST", f"/submit/{form_id}", fields=fields)

    def _request(self, method: str, path: str, **options: Any) -> urllib3.BaseHTTPResponse:
        url = f"{settings.JOTFORM_API_URL}{path}"
        try:
            answer = urllib3.request(method, url, timeout=20, retries=False, **options)
        except urllib3.exceptions.HTTPError as error:
            raise CommandError(f"No sandbox answers at {settings.JOTFORM_API_URL}.") from error
        if answer.status >= 400:
            raise CommandError(f"The sandbox refused {method} {path}: {answer.status}.")
        return answer

    def _wait(self, form_id: str) -> None:
        """Until every demo case waits for Brenda, so that the first look shows them."""
        end = time.monotonic() + _WAIT_SECONDS
        sent = Case.objects.filter(form__form_id=form_id)
        while time.monotonic() < end:
            if sent.count() == len(_SENDINGS) and not sent.filter(state__in=_UNSEEN).exists():
                self.stdout.write(f"{len(_SENDINGS)} demo cases wait for review.")
                return
            time.sleep(0.2)
        raise CommandError(
            f"After {_WAIT_SECONDS:.0f} s some cases are not analysed: is the worker up?"
        )


def write_samples(folder: Path) -> list[str]:
    """Render the sample films that are not in `folder` yet: other views than the catalogue's."""
    folder.mkdir(parents=True, exist_ok=True)
    systems = DEMO_SYSTEMS[::_SAMPLE_EVERY]
    for number, system in enumerate(systems):
        path = folder / f"radiografia-{number + 1:02}.png"
        if not path.exists():
            film = render_film(system, VIEWS[number % len(VIEWS)], query=True)
            path.write_bytes(encode_png(film.image))
    return sorted(path.name for path in folder.glob("radiografia-*.png"))
