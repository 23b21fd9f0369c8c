"""Who uses the service in a load run. `python -m deploy.load` starts it; LOAD_PLAN names its plan.

    LOAD_PLAN=plan.json locust -f deploy/load/locustfile.py --headless

Each kind of request comes at its own constant rate. The result is one JSON file.
"""

import json
import re
from collections.abc import Callable
from pathlib import Path
from time import perf_counter
from typing import Any

import gevent
from gevent.event import Event
from locust import FastHttpUser, events, task
from locust.exception import StopUser

from deploy.load import bodies
from deploy.load.arrivals import Tally, arrive
from deploy.load.plan import Plan

PLAN = Plan.read()
TALLIES = {name: Tally() for name in ("webhooks", "searches", "pages")}
_WAIT_SECONDS = 30.0
_TELL_SECONDS = 5
_QUEUE = "/admin/cases/case/"
_CASE = re.compile(r"/admin/cases/case/\d+/change/")


class _Start:
    """The moment at which the first requests are due: when everybody has logged in."""

    def __init__(self, people: int) -> None:
        self.missing, self.began, self.is_there = people, 0.0, Event()

    def wait(self) -> float:
        """The moment, in seconds of `perf_counter`."""
        self.missing -= 1
        if not self.missing:
            self.began = perf_counter()
            self.is_there.set()
        self.is_there.wait()
        return self.began


START = _Start(people=len(TALLIES))


class _Arrivals(FastHttpUser):
    """One of each kind, with a connection for each request."""

    abstract = True
    fixed_count = 1
    host = PLAN.host
    concurrency = 2000
    connection_timeout = network_timeout = _WAIT_SECONDS
    kind = ""
    rate = 0.0
    left = len(TALLIES)

    @task
    def come(self) -> None:
        """All requests of this kind; the last kind to end ends the run."""
        arrive(
            self.send, began=START.wait(), rate=self.rate, seconds=PLAN.seconds, late=PLAN.late,
            tally=TALLIES[self.kind],
        )  # fmt: skip
        _Arrivals.left -= 1
        if not _Arrivals.left:
            self.environment.runner.quit()
        raise StopUser

    def send(self, number: int) -> str:
        """Send request `number`; why it failed, or nothing."""
        raise NotImplementedError

    def ask(
        self, method: str, path: str, name: str, accept: Callable[[Any], bool], **options: Any
    ) -> str:
        """One request; why it failed, or nothing. Redirects, to a log-in say, are failures.

        On a connection of its own, as nginx and Jotform's many senders come: one that was kept may
        be closed by the server at the moment in which the next request goes out.
        """
        options |= {"name": name, "catch_response": True, "allow_redirects": False}
        options["headers"] = {**options.get("headers", {}), "Connection": "close"}
        with self.client.request(method, path, **options) as answer:
            if answer.status_code != 200:
                # An error's own words would quote the address, and with it the token.
                reason = f"{name}: {answer.status_code or type(answer.error).__name__}"
            else:
                reason = "" if accept(answer) else f"{name}: another answer than expected"
            if reason:
                answer.failure(reason)
            else:
                answer.success()
            return reason


class Jotform(_Arrivals):
    """Sends webhooks."""

    kind, rate = "webhooks", PLAN.webhooks

    def send(self, number: int) -> str:
        """A webhook of a submission of its own."""
        if PLAN.parts:
            film = PLAN.addresses[number % len(PLAN.addresses)]
            body, content_type = bodies.jotform(PLAN.parts, film, number)
        else:
            body, content_type = bodies.direct(number)
        return self.ask(
            "POST", f"/webhook/{PLAN.token}", "/webhook",
            lambda answer: answer.json() == {"status": "accepted"},
            data=body, headers={"Content-Type": content_type},
        )  # fmt: skip


class Program(_Arrivals):
    """Searches over the API, as a reader."""

    kind, rate = "searches", PLAN.searches
    films = [Path(name).read_bytes() for name in PLAN.films]

    def on_start(self) -> None:
        """Get a token."""
        body = {"username": PLAN.username, "password": PLAN.password}
        answer = self.client.post("/auth/token", json=body)
        self.token = answer.json().get("access", "") if answer.status_code == 200 else ""

    def send(self, number: int) -> str:
        """A search by a film."""
        film = self.films[number % len(self.films)]
        return self.ask(
            "POST", "/search", "/search", lambda answer: len(answer.json()["results"]) > 0,
            files={"file": ("film.png", film, "image/png")},
            headers={"Authorization": f"Bearer {self.token}"},
        )  # fmt: skip


class Brenda(_Arrivals):
    """Looks at the queue, then at a case of it, and so on."""

    kind, rate = "pages", PLAN.pages
    case = ""

    def on_start(self) -> None:
        """Log in."""
        page = "/admin/login/"
        form = self.client.get(page)
        found = re.search(r'name="csrfmiddlewaretoken" value="(\w+)"', form.text or "")
        fields = {
            "username": PLAN.username,
            "password": PLAN.password,
            "csrfmiddlewaretoken": found[1] if found else "",
            "next": _QUEUE,
        }
        headers = {"Referer": PLAN.host + page}
        self.client.post(page, data=fields, headers=headers, allow_redirects=False)

    def send(self, number: int) -> str:
        """The queue, or the case that stood first in it."""
        if number % 2 and self.case:
            return self.ask("GET", self.case, "case", lambda answer: "</html>" in answer.text)
        return self.ask("GET", _QUEUE, "queue", self._read_queue)

    def _read_queue(self, answer: Any) -> bool:
        cases = _CASE.findall(answer.text)
        self.case = cases[0] if cases else ""
        return "</html>" in answer.text


@events.test_start.add_listener
def _tell(**_: Any) -> None:
    gevent.spawn(_progress)


def _progress() -> None:
    """A line every few seconds."""
    while True:
        gevent.sleep(_TELL_SECONDS)
        second = perf_counter() - START.began if START.began else 0.0
        told = ", ".join(f"{name} {tally.good}/{tally.sent}" for name, tally in TALLIES.items())
        print(f"  {second:4.0f} s  answered well/sent: {told}", flush=True)


@events.quitting.add_listener
def _keep(**_: Any) -> None:
    result = {name: tally.summary() for name, tally in TALLIES.items()}
    Path(PLAN.result).write_text(json.dumps(result))
