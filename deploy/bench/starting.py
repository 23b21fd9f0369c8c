"""How long the service takes to start, and what memory it holds."""

import os
import subprocess
import sys
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager

import psutil

from deploy.bench.encoding import BUNDLED
from deploy.bench.rows import Row
from deploy.load.service import Service, end
from raiox.up.session import answers
from tests.sandbox.process import ROOT, wait_for
from tests.stack import free_port

_WAIT_SECONDS = 60
_BARE_ENCODER = """
import sys, numpy, onnxruntime
graph = onnxruntime.InferenceSession(sys.argv[1], providers=["CPUExecutionProvider"])
size = graph.get_inputs()[0].shape[-1]
graph.run(None, {"image": numpy.zeros((1, 3, size, size), numpy.float32)})
print("ready", flush=True)
sys.stdin.read()
"""


def starting(service: Service, rounds: int) -> Iterator[Row]:
    """Seconds until something answers, medians; the database is there and is migrated."""
    bare = sorted(_start_bare(service) for _ in range(rounds))[rounds // 2]
    web = sorted(_start_web(service) for _ in range(rounds))[rounds // 2]
    whole = sorted(_start_all(service) for _ in range(rounds))[rounds // 2]
    name = "bare Django, gunicorn"
    yield Row("start of web alone", "s", 5, web, bare, name)
    yield Row("start by `up`: prepare, worker, web", "s", 5, whole, bare, name)


def memory(service: Service) -> Iterator[Row]:
    """What web and worker hold once both have encoded: each page counted once (PSS)."""
    ours = sum(_held(service.processes[name].pid) for name in ("web", "worker"))
    with bare_web(service), _bare_encoder() as encoder:
        (web,) = (child.pid for child in psutil.Process().children() if _is_bare(child))
        bare = _held(web) + _held(encoder)
    name = "bare Django + bare ONNX Runtime"
    yield Row("memory of web and worker", "MB", 700, ours, bare, name)


def _is_bare(process: psutil.Process) -> bool:
    return "deploy.bench.bare:application" in process.cmdline()


def _held(pid: int) -> float:
    """10^6 bytes of a process and its children."""
    process = psutil.Process(pid)
    family = [process, *process.children(recursive=True)]
    return sum(getattr(one.memory_full_info(), "pss", 0) for one in family) / 1e6


def _start_web(service: Service) -> float:
    service.stop("web")
    began = time.perf_counter()
    service.launch_web()
    _wait_until_answered(f"{service.url}/ping")
    return time.perf_counter() - began


def _start_all(service: Service) -> float:
    """`up` beside the service, on the same database, on another port."""
    port = free_port()
    took, process = _started(
        [sys.executable, "manage.py", "up", "--port", str(port)],
        f"http://127.0.0.1:{port}/ping", service.environment,
    )  # fmt: skip
    end(process)
    return took


def _start_bare(service: Service) -> float:
    began = time.perf_counter()
    with bare_web(service):
        return time.perf_counter() - began


@contextmanager
def bare_web(service: Service) -> Iterator[str]:
    """The bare application under the gunicorn of the service; its address."""
    port = free_port()
    address = f"127.0.0.1:{port}"
    words = [
        {"raiox.wsgi:application": "deploy.bench.bare:application"}.get(word, word)
        for word in service.programs.web().command
    ]
    words[words.index("--bind") + 1] = address
    _, process = _started(words, f"http://{address}/webhook/x", service.environment)
    try:
        yield f"http://{address}"
    finally:
        end(process)


@contextmanager
def _bare_encoder() -> Iterator[int]:
    """A process with nothing but ONNX Runtime and the graph."""
    with subprocess.Popen(  # noqa: S603  # our own program
        [sys.executable, "-c", _BARE_ENCODER, str(BUNDLED / "encoder.onnx")], text=True,
        stdin=subprocess.PIPE, stdout=subprocess.PIPE,
    ) as process:  # fmt: skip
        assert process.stdout  # noqa: S101  # a pipe
        process.stdout.readline()
        yield process.pid
        process.kill()


def _started(
    command: Sequence[str], url: str, environment: dict[str, str]
) -> tuple[float, subprocess.Popen[bytes]]:
    began = time.perf_counter()
    process = subprocess.Popen(  # noqa: S603  # our own commands
        command, cwd=ROOT, env={**os.environ, **environment},
        stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
    )  # fmt: skip
    try:
        _wait_until_answered(url)
    except BaseException:
        end(process)
        raise
    return time.perf_counter() - began, process


def _wait_until_answered(url: str) -> None:
    wait_for(lambda: answers(url), _WAIT_SECONDS)
