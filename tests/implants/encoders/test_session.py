"""The session: 512 numbers of length 1, the same ones each time, from any number of threads."""

import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any
from unittest.mock import Mock

import numpy as np
import pytest
from PIL import Image, ImageOps

from implants.encoders.bundle import BUNDLED, EncoderUnavailable, load_bundle
from implants.encoders.session import EncoderSession, EncodingError
from implants.region import Region
from tests.implants.encoders.films import clear_film, copy_bundle, rendered, rendered_image


@pytest.fixture(scope="module")
def session() -> Iterator[EncoderSession]:
    yield EncoderSession(load_bundle(BUNDLED))


def inputs(session: EncoderSession, fill: float) -> np.ndarray:
    size = session.bundle.preprocessing.size
    return np.full((1, 3, size, size), fill, dtype=np.float32)


def test_encode_gives_512_numbers_of_length_one(session: EncoderSession) -> None:
    vector = session.encode(rendered_image())
    assert vector.shape == (512,)
    assert vector.dtype == np.float32
    assert np.linalg.norm(vector) == pytest.approx(1, abs=1e-5)


def test_encode_twice_gives_the_same_vector(session: EncoderSession) -> None:
    again = EncoderSession(session.bundle)
    assert np.array_equal(session.encode(rendered_image()), session.encode(rendered_image()))
    assert again.encode(rendered_image()) @ session.encode(rendered_image()) > 0.99999


def test_encode_different_films_differ(session: EncoderSession) -> None:
    vectors = session.encode_batch([(rendered_image(system), None) for system in range(4)])
    similarities = vectors @ vectors.T
    assert similarities[~np.eye(4, dtype=bool)].max() < 0.95


@pytest.mark.parametrize("turned", [ImageOps.mirror, ImageOps.flip, lambda i: i.rotate(180)])
def test_a_film_that_was_turned_is_nearly_the_same(
    session: EncoderSession, turned: Callable[[Image.Image], Image.Image]
) -> None:
    """Implants point up in one jaw and down in the other. In one view it was 0.2 upside down.

    Not quite the same: of an odd border the larger half stays on its side.
    """
    for system in range(3):
        film = rendered_image(system)
        assert session.encode(turned(film)) @ session.encode(film) > 0.97
        whole = Region.from_list(rendered(system).region)
        part = film.crop(whole.box(*film.size))
        assert session.encode(turned(part)) @ session.encode(part) > 0.9


def test_encode_batch_agrees_with_one_by_one(session: EncoderSession) -> None:
    region = Region.from_list(rendered().region)
    films = [(rendered_image(), None), (rendered_image(), region), (rendered_image(1), None)]
    batch = session.encode_batch(films)
    single = np.stack([session.encode(*film) for film in films])
    assert batch.shape == (3, 512)
    assert (batch * single).sum(axis=1).min() > 0.99999


@pytest.mark.parametrize(("batch", "runs"), [(1, [1, 1, 1]), (2, [2, 1]), (None, [3])])
def test_encode_batch_gives_the_graph_no_more_images_than_the_bundle_allows(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, batch: int | None, runs: list[int]
) -> None:
    folder = copy_bundle(tmp_path)
    values = json.loads((folder / "encoder.json").read_text())
    (folder / "encoder.json").write_text(json.dumps({**values, "batch": batch}))
    session = EncoderSession(load_bundle(folder))
    graph = session._loaded()
    watched: Any = Mock()
    watched.run.side_effect = graph.run
    monkeypatch.setattr(session, "_loaded", lambda: watched)
    films = [(rendered_image(system), None) for system in range(3)]
    vectors = session.encode_batch(films)
    assert [len(call.args[1]["image"]) for call in watched.run.call_args_list] == runs
    expected = EncoderSession(load_bundle(BUNDLED)).encode_batch(films)
    assert (vectors * expected).sum(axis=1).min() > 0.99999


def test_encode_batch_of_nothing_is_empty(session: EncoderSession) -> None:
    assert session.encode_batch([]).shape == (0, 512)


def test_encode_region_is_honoured(session: EncoderSession) -> None:
    film, region = rendered_image(), Region.from_list(rendered().region)
    cut = film.crop(region.box(*film.size))
    assert session.encode(film, region) @ session.encode(cut) > 0.999
    assert session.encode(film, region) @ session.encode(film) < 0.95


def test_encode_negative_gives_nearly_the_same_vector(session: EncoderSession) -> None:
    film = clear_film()
    assert session.encode(film) @ session.encode(ImageOps.invert(film)) > 0.99


def test_encode_frame_and_exposure_hardly_matter(session: EncoderSession) -> None:
    film = rendered_image()
    faint = Image.eval(film, lambda level: int(level * 0.7 + 30))
    framed = ImageOps.expand(film, 40, fill=0)
    assert session.encode(film) @ session.encode(faint) > 0.97
    assert session.encode(film) @ session.encode(framed) > 0.999


def test_eight_threads_share_one_graph_and_agree() -> None:
    session = EncoderSession(load_bundle(BUNDLED))
    films = [rendered_image(system) for system in range(4)] * 4
    with ThreadPoolExecutor(8) as pool:
        vectors = list(pool.map(session.encode, films))
        graphs = {id(session._loaded()) for _ in range(3)}
    assert len(graphs) == 1
    expected = [session.encode(film) for film in films[:4]] * 4
    assert min(a @ b for a, b in zip(vectors, expected, strict=True)) > 0.99999


@pytest.mark.parametrize(("cores", "threads", "most"), [(4, 2, 2), (2, 2, 1), (1, 2, 1), (2, 1, 2)])
def test_as_many_films_are_encoded_at_once_as_there_are_cores_for(
    monkeypatch: pytest.MonkeyPatch, cores: int, threads: int, most: int
) -> None:
    """More would be no quicker, and each run takes memory that is not given back."""
    monkeypatch.setattr(os, "cpu_count", lambda: cores)
    session = EncoderSession(load_bundle(BUNDLED), threads)
    running, seen, lock = [0], [0], threading.Lock()

    def run(outputs: list[str], inputs: dict[str, np.ndarray]) -> list[np.ndarray]:
        with lock:
            running[0] += 1
            seen[0] = max(seen[0], running[0])
        time.sleep(0.2)
        with lock:
            running[0] -= 1
        return [np.ones((1, 512), dtype=np.float32)]

    monkeypatch.setattr(session, "_loaded", lambda: Mock(run=run))
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(session.encode, [rendered_image()] * 8))
    assert seen == [most]


def test_eight_threads_load_the_graph_once(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    loader = Mock(side_effect=onnxruntime.InferenceSession)
    monkeypatch.setattr(onnxruntime, "InferenceSession", loader)
    session = EncoderSession(load_bundle(BUNDLED))
    assert loader.call_count == 0
    with ThreadPoolExecutor(8) as pool:
        list(pool.map(session.encode, [rendered_image()] * 8))
    assert loader.call_count == 1


def test_threads_are_settable(monkeypatch: pytest.MonkeyPatch) -> None:
    import onnxruntime

    loader = Mock(side_effect=onnxruntime.InferenceSession)
    monkeypatch.setattr(onnxruntime, "InferenceSession", loader)
    EncoderSession(load_bundle(BUNDLED), threads=1).encode(rendered_image())
    options = loader.call_args.args[1]
    assert options.intra_op_num_threads == 1
    assert loader.call_args.kwargs["providers"] == ["CPUExecutionProvider"]


def test_nothing_is_loaded_before_the_first_image() -> None:
    program = (
        "import sys, django; django.setup()\n"
        "from implants.encoders.active import active\n"
        "from implants.encoders.bundle import BUNDLED, load_bundle\n"
        "from implants.encoders.session import EncoderSession\n"
        "EncoderSession(load_bundle(BUNDLED))\n"
        "print([name for name in ('onnxruntime', 'torch', 'onnx') if name in sys.modules])\n"
    )
    environment = {**os.environ, "DJANGO_SETTINGS_MODULE": "raiox.settings", "RAIOX_ENV": "test"}
    done = subprocess.run(
        [sys.executable, "-c", program], env=environment, capture_output=True, text=True, check=True
    )
    assert done.stdout.strip() == "[]"


def test_session_of_a_forked_parent_is_refused(
    session: EncoderSession, monkeypatch: pytest.MonkeyPatch
) -> None:
    session.encode(rendered_image())
    monkeypatch.setattr(os, "getpid", lambda: 1)
    with pytest.raises(RuntimeError, match="forked"):
        session.encode(rendered_image())


@pytest.mark.parametrize("answer", [0.0, np.nan, np.inf])
def test_answer_without_a_direction_is_an_error(answer: float) -> None:
    session = EncoderSession(load_bundle(BUNDLED))
    graph: Any = Mock()
    graph.run.return_value = [np.full((1, 512), answer, dtype=np.float32)]
    session._loaded = lambda: graph  # type: ignore[method-assign]
    with pytest.raises(EncodingError):
        session.embed(inputs(session, 0))


def test_graph_that_is_no_graph_is_unavailable(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    (folder / "encoder.onnx").write_bytes(b"no graph")
    _resign(folder)
    with pytest.raises(EncoderUnavailable, match=r"encoder\.onnx"):
        EncoderSession(load_bundle(folder)).encode(rendered_image())


def test_graph_of_another_size_is_unavailable(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    values = json.loads((folder / "encoder.json").read_text())
    values["preprocessing"]["size"] += 32
    (folder / "encoder.json").write_text(json.dumps(values))
    with pytest.raises(EncoderUnavailable, match=r"encoder\.onnx"):
        EncoderSession(load_bundle(folder)).encode(rendered_image())


def test_exchanged_graph_is_unavailable(tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    with (folder / "encoder.onnx").open("ab") as file:
        file.write(b"\0")
    with pytest.raises(EncoderUnavailable, match=r"encoder\.json"):
        EncoderSession(load_bundle(folder)).encode(rendered_image())


def _resign(folder: Path) -> None:
    from implants.encoders.bundle import write_description

    write_description(folder, json.loads((folder / "encoder.json").read_text()))
