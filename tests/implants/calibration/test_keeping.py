"""Calibrations in the database: kept by encoder, made anew when something has changed."""

import numpy as np
import pytest

from implants.calibration.evidence import Decision
from implants.calibration.keeping import calibration_of, fingerprint, refresh, to_refresh
from implants.models import Encoder, Implant, ReferenceImage
from tests.factories import (
    EncoderFactory,
    ImplantFactory,
    ReferenceImageFactory,
    reference_with_vector,
    unit_vector,
)

pytestmark = pytest.mark.django_db


def fill(encoder: Encoder, implants: int = 10, films: int = 6) -> list[ReferenceImage]:
    """Films of one implant resemble each other closely."""
    references = []
    for number in range(implants):
        implant: Implant = ImplantFactory.create()
        for film in range(films):
            vector = unit_vector(number) + 0.3 * unit_vector(1000 + number * films + film)
            references.append(
                reference_with_vector(vector / np.linalg.norm(vector), encoder, implant)
            )
    return references


def reread(encoder: Encoder) -> Encoder:
    return Encoder.objects.get(pk=encoder.pk)


def test_refresh_keeps_words_learned_from_the_catalogue() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    fill(encoder)
    assert refresh(encoder, [])
    kept = calibration_of(encoder.pk)
    assert kept is not None
    assert (kept.whole_film.observations, kept.region.observations) == (60, 0)
    assert kept.whole_film.are_calibrated
    assert kept.whole_film.high is not None
    assert kept.whole_film.high > 0.7
    assert kept.whole_film.out_of_catalogue is not None
    assert kept.whole_film.out_of_catalogue <= kept.whole_film.high


def test_refresh_measures_the_quality_too() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    fill(encoder)
    refresh(encoder, [])
    quality = reread(encoder).quality
    assert quality is not None
    assert quality["whole_films"] == {"asked": 60, "first": 60, "among_three": 60}


def test_a_small_catalogue_gives_no_word() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    fill(encoder, implants=8)
    refresh(encoder, [])
    kept = calibration_of(encoder.pk)
    assert kept is not None
    assert kept.whole_film.observations == 48
    assert not kept.whole_film.are_calibrated


def test_nothing_is_done_while_nothing_has_changed() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    fill(encoder, implants=2)
    assert refresh(encoder, [])
    kept = reread(encoder).calibration
    assert not refresh(reread(encoder), [])
    assert reread(encoder).calibration == kept


def test_new_references_and_decisions_change_the_fingerprint() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    first = fill(encoder, implants=2)[0]
    marks = [fingerprint(encoder.pk, [])]
    marks.append(fingerprint(encoder.pk, [Decision(0.5, False, 1, None)]))
    reference_with_vector(unit_vector(5), encoder, ImplantFactory.create())
    marks.append(fingerprint(encoder.pk, []))
    first.region = [0.1, 0.1, 0.2, 0.2]
    first.save()
    marks.append(fingerprint(encoder.pk, []))
    first.implant = ImplantFactory.create()
    first.save()
    marks.append(fingerprint(encoder.pk, []))
    first.delete()
    marks.append(fingerprint(encoder.pk, []))
    assert len(set(marks)) == len(marks)


def test_a_refresh_after_a_new_reference_counts_it() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    first = fill(encoder)[0]
    refresh(encoder, [])
    reference_with_vector(unit_vector(0), encoder, first.implant)
    assert refresh(reread(encoder), [])
    kept = calibration_of(encoder.pk)
    assert kept is not None
    assert kept.whole_film.observations == 61


def test_encoders_keep_their_own_words() -> None:
    one: Encoder = EncoderFactory.create(is_active=True)
    other: Encoder = EncoderFactory.create()
    fill(one, implants=2)
    refresh(one, [])
    assert calibration_of(other.pk) is None
    assert reread(other).calibration is None


def test_the_active_encoder_and_complete_ones_are_refreshed() -> None:
    active: Encoder = EncoderFactory.create(is_active=True)
    complete, half, none = EncoderFactory.create(), EncoderFactory.create(), EncoderFactory.create()
    references = fill(active, implants=1, films=2)
    for reference in references:
        complete.vectors.create(reference=reference, embedding=unit_vector(1))
    half.vectors.create(reference=references[0], embedding=unit_vector(1))
    ReferenceImageFactory.create(encoding_error="file_missing")
    assert {it.pk for it in to_refresh()} == {active.pk, complete.pk}
    assert none.pk not in {it.pk for it in to_refresh()}


def test_an_empty_catalogue_is_calibrated_as_unknown() -> None:
    encoder: Encoder = EncoderFactory.create(is_active=True)
    assert refresh(encoder, [])
    kept = calibration_of(encoder.pk)
    assert kept is not None
    assert not kept.whole_film.are_calibrated
