"""The process that does the fuzzing, without anybody to see that it ends: see `__main__`."""

import argparse
import os
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from random import Random

import atheris

os.environ["RAIOX_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "tests.settings"

from tests.fuzz.figures import Figures, Take
from tests.fuzz.guided import Mutate, fuzz
from tests.fuzz.readers import Readers

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


@dataclass(frozen=True)
class Target:
    take: Take
    seeds: list[bytes]
    mutate: Mutate | None = None


def film() -> Target:
    _load("implants", "PIL")
    from tests.fuzz import films
    from tests.fuzz.mutations import mutated

    def mutate(data: bytes, most: int, seed: int) -> bytes:
        """Half of the time what libFuzzer makes of it, otherwise a change that knows the format."""
        chance = Random(seed)  # noqa: S311
        return bytes(atheris.Mutate(data, most)) if seed % 2 else mutated(data, chance)[:most]

    return Target(films.take, films.seeds(), mutate)


def payload() -> Target:
    _load("webhooks", "multipart")
    from tests.fuzz import payloads

    def take(data: bytes) -> str:
        content_type, _, body = data.partition(b"\n")
        return payloads.take(content_type.decode("latin-1"), body)

    return Target(take, _SEEDS_PAYLOAD)


def answer() -> Target:
    _load("webhooks")
    from tests.fuzz import payloads

    return Target(lambda data: payloads.take_answer(200, data), _SEEDS_ANSWER)


TARGETS: dict[str, Callable[[], Target]] = {"film": film, "payload": payload, "answer": answer}


def _load(*packages: str) -> None:
    """Everything, with these packages' branches counted."""
    with atheris.instrument_imports(include=list(packages)):
        import django

        django.setup()


def main() -> None:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.worker")
    parser.add_argument("what", choices=TARGETS)
    parser.add_argument("place", type=Path)
    parser.add_argument("--seconds", type=float, required=True)
    parser.add_argument("--runs", type=int, default=0)
    parser.add_argument("--file", type=Path)
    asked = parser.parse_args()
    target = TARGETS[asked.what]()
    warnings.simplefilter("ignore", UserWarning)  # Pillow's, about metadata
    with Readers() as readers:
        if asked.file:
            figures = Figures()
            figures.measure(target.take, asked.file.read_bytes(), readers)
            print(figures)
            return
        fuzz(
            target.take,
            target.seeds,
            asked.place,
            seconds=asked.seconds,
            runs=asked.runs,
            readers=readers,
            mutate=target.mutate,
        )


if __name__ == "__main__":
    main()
