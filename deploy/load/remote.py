"""A load on a service that runs elsewhere: what it holds is asked over its API."""

import time
from collections.abc import Callable
from pathlib import Path

import requests

from deploy.load.plan import Plan
from deploy.load.verdict import Row
from implants.demo.catalogue import encode_png
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from raiox.settings.environment import env


class NotConfigured(Exception):
    """A variable of the environment is missing."""


def plan(host: str, folder: Path, **wanted: object) -> Plan:
    """A load on `host`, with what LOAD_TOKEN, LOAD_USERNAME and LOAD_PASSWORD (or _FILE) say."""
    film = folder / "film.png"
    film.write_bytes(encode_png(render_film(DEMO_SYSTEMS[0], VIEWS[0], query=True).image))
    return Plan(
        host=host.rstrip("/"),
        token=_told("LOAD_TOKEN"),
        username=_told("LOAD_USERNAME"),
        password=_told("LOAD_PASSWORD"),
        result=str(folder / "result.json"),
        films=(str(film),),
        **wanted,  # type: ignore[arg-type]  # rates and seconds
    )


def _told(name: str) -> str:
    value = env.str(name, default="")
    if not value:
        raise NotConfigured(f"{name} (or {name}_FILE) is not set.")
    return str(value)


def cases(plan: Plan) -> int:
    """How many cases the service has."""
    body = {"username": plan.username, "password": plan.password}
    token = requests.post(f"{plan.host}/auth/token", json=body, timeout=30)
    token.raise_for_status()
    headers = {"Authorization": f"Bearer {token.json()['access']}"}
    answer = requests.get(f"{plan.host}/cases?limit=1", headers=headers, timeout=30)
    answer.raise_for_status()
    return int(answer.headers["X-Total-Count"])


def all_opened(
    plan: Plan, before: int, accepted: int, patience: float, say: Callable[[str], None]
) -> Row:
    """Wait until there are `accepted` cases more, unless nothing comes for `patience` seconds."""
    moved, last = time.monotonic(), -1
    while True:
        found = cases(plan) - before
        if found != last:
            moved, last = time.monotonic(), found
        if found >= accepted or time.monotonic() - moved > patience:
            return Row("cases", f">= {accepted:,}", f"{found:,}", found >= accepted)
        say(f"  {found:,} of {accepted:,} webhooks have become cases")
        time.sleep(min(5.0, patience))
