import numpy as np
import pytest

from implants.demo.geometry import Body, Collar, Cutting, Geometry, Socket, Thread
from implants.demo.solid import STEP, ImplantShadow, Pose, cast

SOLID = Socket(opening=0, index="none", bore=0, depth=0, screw=False)
PLAIN = Geometry(
    thread=Thread(depth=0, apical_depth=0),
    collar=Collar(height=1, bevel=0),
    body=Body(apex="flat", apex_length=0.5),
    socket=SOLID,
)


def width_at(shadow: ImplantShadow, z: float) -> float:
    row = shadow.body[round((z - shadow.top) / STEP)]
    return float((row > 0.2).sum() * STEP)


def test_plain_cylinder_has_the_chord_of_a_circle() -> None:
    shadow = cast(PLAIN, 4.0, 10.0, Pose())
    x = shadow.left + np.arange(shadow.body.shape[1]) * STEP
    expected = 2 * np.sqrt(np.clip(2.0**2 - x**2, 0, None))
    row = shadow.body[round((5.0 - shadow.top) / STEP)]
    assert np.abs(row - expected)[np.abs(x) < 1.7].max() < 0.15


def test_thread_lies_within_the_diameter_and_repeats_with_its_pitch() -> None:
    geometry = Geometry(thread=Thread(pitch=1.0, depth=0.4, apical_depth=0.4), socket=SOLID)
    shadow = cast(geometry, 4.0, 12.0, Pose())
    crest_column = int((-1.85 - shadow.left) / STEP)
    first, last = (round((z - shadow.top) / STEP) for z in (3.0, 9.0))
    flank = shadow.body[first:last, crest_column]
    spectrum = np.abs(np.fft.rfft(flank - flank.mean()))
    assert spectrum.argmax() == 6
    assert np.allclose(width_at(shadow, 5.0), 4.0, atol=0.45)


def test_single_lead_thread_is_staggered_left_and_right() -> None:
    geometry = Geometry(thread=Thread(pitch=1.0, depth=0.4, apical_depth=0.4), socket=SOLID)
    shadow = cast(geometry, 4.0, 12.0, Pose())
    rows = slice(*(round((z - shadow.top) / STEP) for z in (3.0, 9.0)))
    left = shadow.body[rows, int((-1.85 - shadow.left) / STEP)]
    right = shadow.body[rows, int((1.85 - shadow.left) / STEP)]
    assert np.corrcoef(left, right)[0, 1] < -0.3


def test_plateau_fins_stand_at_the_same_height_left_and_right() -> None:
    fins = Geometry(thread=Thread("fin", 1.0, 0, 0.8, 0.8), socket=SOLID)
    shadow = cast(fins, 4.0, 8.0, Pose())
    left = shadow.body[:, int((-1.8 - shadow.left) / STEP)]
    right = shadow.body[:, int((1.8 - shadow.left) / STEP)]
    assert np.corrcoef(left, right)[0, 1] > 0.9


def test_cavity_takes_metal_away_and_the_screw_brings_part_of_it_back() -> None:
    solid = cast(PLAIN, 4.0, 10.0, Pose())
    bored = cast(
        Geometry(
            thread=PLAIN.thread, collar=PLAIN.collar, body=PLAIN.body, socket=Socket(depth=5.0)
        ),
        4.0,
        10.0,
        Pose(),
    )
    lost = (solid.body - bored.body).sum()
    assert 0 < bored.filling.sum() < lost


def test_tapered_body_is_narrower_towards_the_apex() -> None:
    tapered = Geometry(thread=PLAIN.thread, body=Body(apex_ratio=0.6), socket=SOLID)
    shadow = cast(tapered, 4.0, 12.0, Pose())
    assert width_at(shadow, 10.0) < 0.75 * width_at(shadow, 1.0)


def test_tulip_collar_is_wider_than_the_body() -> None:
    tulip = Geometry(collar=Collar(2.8, 1.25, curved=True), thread=PLAIN.thread, socket=SOLID)
    shadow = cast(tulip, 4.0, 10.0, Pose())
    assert width_at(shadow, 0.3) > 1.1 * width_at(shadow, 6.0)


def test_external_hex_stands_above_the_platform() -> None:
    outside = Socket(2.0, index="none", external_height=0.7, external_width=2.7)
    assert width_at(cast(Geometry(socket=outside), 4.0, 10.0, Pose()), -0.4) > 2.0
    assert width_at(cast(Geometry(), 4.0, 10.0, Pose()), -0.4) == 0


@pytest.mark.parametrize("cutting", [Cutting(flutes=3, flute_depth=0.4), Cutting(hole=1.2)])
def test_apical_cut_takes_metal_only_near_the_apex(cutting: Cutting) -> None:
    whole = cast(PLAIN, 4.0, 12.0, Pose()).body
    cut = cast(
        Geometry(PLAIN.diameters, PLAIN.lengths, PLAIN.thread, PLAIN.collar, PLAIN.body, cutting,
                 SOLID),
        4.0,
        12.0,
        Pose(),
    ).body  # fmt: skip
    half = whole.shape[0] // 2
    assert np.array_equal(whole[:half], cut[:half])
    assert cut[half:].sum() < whole[half:].sum() - 1


def test_beam_angle_changes_the_shadow() -> None:
    straight = cast(Geometry(), 4.0, 10.0, Pose()).body
    steep = cast(Geometry(), 4.0, 10.0, Pose(vertical=np.radians(10))).body
    assert np.abs(straight - steep).max() > 0.5
