"""From a film to its vector, beside bare ONNX Runtime on a tensor that is ready."""

import tempfile
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
from django.conf import settings
from PIL import Image

from deploy.bench.rows import Row
from deploy.bench.vit import write_vit
from implants.demo.renderer import VIEWS, render_film
from implants.demo.systems import DEMO_SYSTEMS
from implants.encoders.bundle import BUNDLED, load_bundle
from implants.encoders.preprocessing import prepare
from implants.encoders.session import EncoderSession

_BARE = "bare ONNX Runtime"
_RATIO = 1.10
_RANDOM = "weights made at random"


def encoding(rounds: int, target_ms: float = 900) -> Iterator[Row]:
    """Both in turns; medians of wall time with the threads of the service, of the process's time
    with one thread. By the bundled network, and by one of the size of CLIP's.
    """
    films = [Image.fromarray(render_film(system, VIEWS[0]).image) for system in DEMO_SYSTEMS[:4]]
    ours, bare, ratio = _measured(BUNDLED, films, rounds)
    yield Row("encode a film (bundled encoder)", "ms", target_ms, ours, bare, _BARE)
    yield Row("encode: time over bare ONNX Runtime", "×", _RATIO, ratio, 1.0, _BARE)
    with tempfile.TemporaryDirectory(prefix="raiox-bench-") as folder:
        ours, bare, ratio = _measured(write_vit(Path(folder)), films, rounds)
    name = "CLIP ViT-B/32's size"
    yield Row(f"encode a film ({name})", "ms", target_ms, ours, bare, _BARE, note=_RANDOM)
    name = f"encode ({name}): time over bare ONNX Runtime"
    yield Row(name, "×", _RATIO, ratio, 1.0, _BARE, note=_RANDOM)


def _measured(folder: Path, films: list[Image.Image], rounds: int) -> tuple[float, float, float]:
    """Milliseconds of our way and of the bare graph, and the ratio of processor times."""
    ours, bare = _medians(folder, films, settings.ENCODER_THREADS, rounds, time.perf_counter)
    ours_alone, bare_alone = _medians(folder, films, 1, rounds, time.process_time)
    return ours, bare, ours_alone / bare_alone


def _medians(
    folder: Path, films: list[Image.Image], threads: int, rounds: int, clock: Callable[[], float]
) -> tuple[float, float]:
    """Milliseconds by `clock` of our way and of the bare graph."""
    bundle = load_bundle(folder)
    session = EncoderSession(bundle, threads)
    tensors = [prepare(film, bundle.preprocessing) for film in films]
    graph = session._loaded()
    ours, bare = [], []
    for number in range(-3, rounds):
        film, tensor = films[number % len(films)], tensors[number % len(films)]
        start = clock()
        session.encode(film)
        middle = clock()
        graph.run(None, {"image": tensor})
        end = clock()
        if number >= 0:
            ours.append(middle - start)
            bare.append(end - middle)
    return float(np.median(ours)) * 1000, float(np.median(bare)) * 1000
