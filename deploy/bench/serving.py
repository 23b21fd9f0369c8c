"""The door's capacity, and the way from a webhook to a case that waits for its reviewer."""

import http.client
import threading
import time
from collections.abc import Callable, Iterator
from urllib.parse import urlsplit

import numpy as np
import requests
from prometheus_client.parser import text_string_to_metric_families

from deploy.bench.rows import Row
from deploy.bench.starting import bare_web
from deploy.load import bodies
from deploy.load.plan import Plan
from deploy.load.service import Service

_SENDERS = 8
_STAGES = ("download", "decode", "encode", "search")
Sums = dict[str, tuple[float, float]]


def pending(service: Service, plan: Plan, cases: int) -> Iterator[Row]:
    """One case at a time, from the first byte of the webhook to `pending`."""
    before = _stages(service.url)
    seconds = [_one_case(service, plan, number) for number in range(cases)]
    means = {
        name: (total - before[name][0]) / (count - before[name][1])
        for name, (total, count) in _stages(service.url).items()
    }
    p95 = float(np.percentile(seconds, 95))
    stages = sum(means.values())
    yield Row("webhook to pending case p95", "s", 1.3, p95, stages, "sum of the stages' means")
    yield Row(
        "webhook to pending case p50", "s", None, float(np.median(seconds)), stages,
        "sum of the stages' means",
    )  # fmt: skip
    bare = _bare_download(plan)
    yield Row("download a film, mean", "ms", 200, means["download"] * 1000, bare, "bare GET")


def _one_case(service: Service, plan: Plan, number: int) -> float:
    body, content_type = bodies.jotform(plan.parts, plan.addresses[number], 10**6 + number)
    seen = "SELECT count(*) FROM cases WHERE state = 'pending'"
    ((before,),) = service.sql(seen)
    began = time.perf_counter()
    requests.post(
        service.webhook, body, headers={"Content-Type": content_type}, timeout=30
    ).raise_for_status()
    while service.sql(seen)[0][0] == before:
        if time.perf_counter() - began > 60:
            raise RuntimeError("A case did not become pending within a minute.")
        time.sleep(0.01)
    return time.perf_counter() - began


def _stages(url: str) -> Sums:
    """Seconds and count of each stage so far, over all processes."""
    text = requests.get(f"{url}/metrics", timeout=30).text
    samples = {
        (sample.name, sample.labels.get("stage")): sample.value
        for family in text_string_to_metric_families(text)
        for sample in family.samples
    }
    name = "raiox_stage_seconds"
    return {s: (samples[f"{name}_sum", s], samples[f"{name}_count", s]) for s in _STAGES}


def _bare_download(plan: Plan) -> float:
    """Milliseconds of a plain GET of the same film, the median of some."""
    times = []
    for address in plan.addresses[:10]:
        began = time.perf_counter()
        requests.get(address.replace(" ", "%20"), timeout=30).raise_for_status()
        times.append(time.perf_counter() - began)
    return float(np.median(times)) * 1000


def accepting(service: Service, plan: Plan, seconds: float) -> Iterator[Row]:
    """As many webhooks as eight senders get rid of, the worker busy with them; the bare view under
    the same gunicorn, in turns.
    """
    turns: dict[str, list[float]] = {"ours": [], "bare": []}
    numbers = iter(range(10**9))
    with bare_web(service) as bare:
        for _ in range(2):
            turns["ours"].append(_rate(service.url, plan, seconds, numbers.__next__))
            turns["bare"].append(_rate(bare, plan, seconds, numbers.__next__))
    ours, other = float(np.mean(turns["ours"])), float(np.mean(turns["bare"]))
    yield Row("webhooks accepted", "/s", 100, ours, other, "bare Django view", at_least=True)


def _rate(url: str, plan: Plan, seconds: float, next_number: Callable[[], int]) -> float:
    """Answers a second; raises `RuntimeError` at the first that is no acceptance."""
    end = time.perf_counter() + seconds
    counts, lock, wrong = [0], threading.Lock(), []

    def send() -> None:
        place = urlsplit(url)
        connection = http.client.HTTPConnection(place.hostname or "", place.port, timeout=30)
        while time.perf_counter() < end:
            with lock:
                number = 10**7 + next_number()
            body, content_type = bodies.jotform(plan.parts, plan.addresses[0], number)
            headers = {"Content-Type": content_type}
            connection.request("POST", f"/webhook/{plan.token}", body, headers)
            answer = connection.getresponse()
            answer.read()
            if answer.status != 200:
                wrong.append(answer.status)
                return
            with lock:
                counts[0] += 1
        connection.close()

    began = time.perf_counter()
    threads = [threading.Thread(target=send) for _ in range(_SENDERS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise RuntimeError(f"A webhook was answered with {wrong[0]}.")
    return counts[0] / (time.perf_counter() - began)
