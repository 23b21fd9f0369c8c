import numpy as np
import pytest
from numpy.typing import NDArray

from implants.demo.physics import Exposure, expose, spread, transmission
from implants.demo.scene import Scene


def path(*lengths: float) -> NDArray[np.float32]:
    return np.array([lengths], np.float32)


NOTHING = path(0, 0, 0)


def test_nothing_in_the_way_lets_the_whole_beam_pass() -> None:
    assert np.allclose(transmission(NOTHING, NOTHING, NOTHING), 1.0, atol=1e-6)


@pytest.mark.parametrize("material", ["soft", "mineral", "metal"])
def test_thicker_material_lets_less_of_the_beam_pass(material: str) -> None:
    lengths = {"soft": NOTHING, "mineral": NOTHING, "metal": NOTHING, material: path(1, 2, 4)}
    passed = transmission(**lengths)[0]
    assert passed[0] > passed[1] > passed[2] > 0


def test_titanium_stops_more_than_bone_and_bone_more_than_soft_tissue() -> None:
    four = path(4)
    none = path(0)
    through = [
        transmission(four, none, none),
        transmission(none, four, none),
        transmission(none, none, four),
    ]
    assert through[0] > through[1] > through[2]


def test_beam_hardens_in_metal() -> None:
    """Each further millimetre stops a smaller share: soft photons go first."""
    passed = transmission(*(path(0, 0, 0),) * 2, path(0, 1, 2))[0]
    assert passed[2] / passed[1] > passed[1] / passed[0]


def test_thicker_metal_is_brighter_on_the_film() -> None:
    scene = Scene(64, 120, 0.05)
    scene.metal += np.repeat([0.0, 0.5, 1.0, 2.0], 30).astype(np.float32)[None, :]
    value = expose(np.random.default_rng(0), scene, Exposure())
    steps = [float(value[20:44, 30 * k + 10 : 30 * k + 20].mean()) for k in range(4)]
    assert steps == sorted(steps) and min(np.diff(steps)) > 0.02


def test_blur_softens_an_edge_and_keeps_the_energy() -> None:
    beam = np.ones((64, 64), np.float32)
    beam[:, 32:] = 0.2
    blurred = spread(beam, 0.05, Exposure(blur_mm=0.1))
    assert np.abs(np.diff(blurred[32])).max() < 0.5 * 0.8
    assert blurred.mean() == pytest.approx(beam.mean(), rel=1e-3)


def test_fewer_quanta_make_more_noise() -> None:
    spreads = []
    for quanta in (500, 50_000):
        scene = Scene(64, 64, 0.05)
        scene.mineral += 6
        value = expose(np.random.default_rng(0), scene, Exposure(quanta=quanta))
        spreads.append(value.std())
    assert spreads[0] > 5 * spreads[1]
