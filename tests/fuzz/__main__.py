"""`python -m tests.fuzz film|payload|answer [--seconds 60] [--runs 0]`: guided by coverage.

Ends with 0 and a line of figures, or at the first input that breaks a rule with what broke.
"""

import argparse
import atexit
import os
import sys
import tempfile
import warnings
from collections.abc import Callable
from pathlib import Path

import atheris

os.environ["RAIOX_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

import django

with atheris.instrument_imports(
    include=["implants.formats", "implants.radiograph", "webhooks", "multipart", "PIL"]
):
    django.setup()
    from tests.fuzz import films, payloads

_SEEDS_PAYLOAD = [
    b'multipart/form-data; boundary=b\n--b\r\nContent-Disposition: form-data; name="formID"\r\n'
    b'\r\n24\r\n--b\r\nContent-Disposition: form-data; name="submissionID"\r\n\r\n62\r\n--b\r\n'
    b'Content-Disposition: form-data; name="rawRequest"\r\nContent-Type: text/plain; '
    b'charset=utf-8\r\n\r\n{"q3_nome":{"first":"Ana"},"temp_upload":{"q5_x":[]},'
    b'"x":["https://h/a b.png"]}\r\n--b--\r\n',
    b"application/x-www-form-urlencoded\nformID=24&submissionID=62&rawRequest=%7B%7D",
    b'application/json\n{"submissionID":"62","formID":"24","answers":{"5":{"answer":"https://h/"}}}',
    b'application/json\n{"image_url":"https://h/a.png","client_id":[1e3,"\\ud800"],"metadata":{}}',
]
_SEEDS_ANSWER = [
    b'{"responseCode":200,"message":"ok","content":{"answers":{"3":["a",{"first":1}]}}}'
]


def take_payload(data: bytes) -> None:
    content_type, _, body = data.partition(b"\n")
    payloads.take(content_type.decode("latin-1"), body)


def take_answer(data: bytes) -> None:
    payloads.take_answer(200, data)


_TARGETS: dict[str, tuple[Callable[[bytes], object], Callable[[], list[bytes]]]] = {
    "film": (films.take, films.seeds),
    "payload": (take_payload, lambda: _SEEDS_PAYLOAD),
    "answer": (take_answer, lambda: _SEEDS_ANSWER),
}


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("what", choices=_TARGETS)
    parser.add_argument("--seconds", type=int, default=60)
    parser.add_argument("--runs", type=int, default=-1, help="inputs, if that is sooner")
    asked = parser.parse_args()
    warnings.simplefilter("ignore", UserWarning)  # Pillow's, about metadata
    films.fork_instead_of_starting()
    take, seeds = _TARGETS[asked.what]
    with tempfile.TemporaryDirectory() as place:
        for number, seed in enumerate(seeds()):
            (Path(place) / f"seed-{number}").write_bytes(seed)
        _fuzz(take, place, asked)


def _fuzz(take: Callable[[bytes], object], place: str, asked: argparse.Namespace) -> None:
    """In a child: libFuzzer ends the process that it runs in."""
    child = os.fork()
    if child == 0:
        options = [
            f"-max_total_time={asked.seconds}",
            f"-runs={asked.runs}",
            "-max_len=100000",
            "-rss_limit_mb=500",
            "-print_final_stats=1",
            f"-artifact_prefix={place}/",
        ]
        atexit.register(lambda: print(films.worst, flush=True))
        atheris.Setup([sys.argv[0], *options, place], take)
        atheris.Fuzz()
    _, status = os.waitpid(child, 0)
    sys.exit(os.waitstatus_to_exitcode(status))


if __name__ == "__main__":
    main()
