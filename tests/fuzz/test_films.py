"""Films of all forms, whole and changed: each is taken, or refused by a name, and costs little."""

from collections.abc import Iterator
from random import Random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.fuzz import films
from tests.fuzz.figures import Figures, peak_megabytes
from tests.fuzz.layouts import layout
from tests.fuzz.mutations import MUTATIONS, mutated, summed
from tests.fuzz.readers import Readers
from tests.fuzz.samples import NAMES, sample

KINDS = {"jpeg": "JPEG", "mpo": "JPEG", "png": "PNG", "apng": "PNG", "webp": "WEBP",
         "tiff": "TIFF", "heic": "HEIC", "pdf": "PDF", "dicom": "DICOM"}  # fmt: skip
FAMILIES = [[name for name in NAMES if name.split("-")[0] == kind] for kind in (*KINDS, "not")]
REFUSALS = {"not_an_image", "unsupported_format", "too_small", "too_large"}
FEW = settings(
    max_examples=300,
    deadline=None,
    derandomize=True,
    database=None,
    suppress_health_check=list(HealthCheck),
)


@pytest.fixture(scope="module")
def readers() -> Iterator[Readers]:
    with Readers() as running:
        yield running


@pytest.mark.parametrize("name", NAMES)
def test_a_whole_film_is_taken(name: str, readers: Readers) -> None:
    refused = {"not-taken-gif": "unsupported_format", "not-taken-bmp": "unsupported_format",
               "jpeg-12-bits": "unsupported_format"}  # fmt: skip
    assert films.take(sample(name)) == refused.get(name, KINDS.get(name.partition("-")[0]))


@pytest.mark.filterwarnings("ignore::UserWarning")  # Pillow's, about metadata
def test_a_changed_film_is_taken_or_refused_by_name_and_costs_little(readers: Readers) -> None:
    figures = Figures(held=peak_megabytes())

    @FEW
    @given(
        st.sampled_from(FAMILIES).flatmap(st.sampled_from), st.integers(1, 3), st.integers(0, 2**32)
    )
    def taken(name: str, changes: int, seed: int) -> None:
        data, chance = sample(name), Random(seed)  # noqa: S311
        for _ in range(changes):
            data = mutated(data, chance)
        figures.measure(films.take, data, readers)

    taken()
    assert set(figures.outcomes) == REFUSALS | set(KINDS.values())


@pytest.mark.parametrize("name", NAMES)
def test_a_sample_is_taken_apart_into_pieces_and_numbers(name: str) -> None:
    """Otherwise nothing of it would be changed on purpose."""
    found = layout(sample(name))
    known = not name.startswith("not-taken")
    assert bool(found.pieces and found.lengths) == known
    assert bool(found.sizes) == (known and name != "dicom-deflated")
    assert all(0 <= start < end <= len(sample(name)) for start, end in found.pieces)


@pytest.mark.parametrize("change", MUTATIONS)
def test_each_way_to_change_a_film_does(change: object) -> None:
    assert callable(change)
    chances = [Random(seed) for seed in range(5)]  # noqa: S311
    assert any(change(sample("png"), chance) != sample("png") for chance in chances)


def test_sums_of_a_png_are_made_right_again() -> None:
    whole = sample("png")
    assert summed(whole[:29] + b"sums" + whole[33:]) == whole
