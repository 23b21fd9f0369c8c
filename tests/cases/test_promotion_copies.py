"""A promoted film's copy in storage: kept with its reference, and never longer."""

import os
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.db import OperationalError

from cases import promotion
from cases.models import Case
from cases.privacy.erasure import erase, holding_of_case
from cases.privacy.retention import purge_expired
from cases.promotion import Promotion, PromotionRefused, promote, subjects
from implants.catalogue import PROMOTED
from implants.models import Implant, ReferenceImage
from tests.cases.test_promotion import (
    FILM_SHA,
    REGION,
    Make,
    change_case,
    change_finding,
    delete_image,
    film_with_secrets,
)
from tests.cases.test_promotion import approved as approved
from tests.cases.test_promotion import both as both
from tests.factories import ReferenceImageFactory

pytestmark = pytest.mark.usefixtures("media")


def promoted_files(media: Path) -> list[Path]:
    """The copies of patients' films that lie in the catalogue's folder."""
    return [path for path in (media / PROMOTED).rglob("*") if path.is_file()]


@pytest.mark.parametrize("meanwhile", [change_case, delete_image, change_finding])
def test_a_refusal_leaves_no_copy(
    both: User, approved: Case, media: Path, meanwhile: Callable[[promotion.Subject], None]
) -> None:
    subject = subjects(approved)[0]
    meanwhile(subject)
    with pytest.raises(PromotionRefused):
        promote(subject, Promotion(REGION, has_consent=True), both)
    assert promoted_files(media) == []


def test_a_refused_promotion_leaves_the_film_to_another_that_is_under_way(
    both: User,
    approved: Case,
    implants: list[Implant],
    make_case: Make,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Two cases with the same film: one is decided anew after its copy was stored."""
    other = make_case("approved", decided_by=both, submission_id="63")
    image = other.images.get()
    image.file.save("y.png", ContentFile(film_with_secrets()), save=False)
    image.sha256 = FILM_SHA
    image.save()
    other.findings.update(verdict="identified", implant=implants[0])
    added = promotion._added

    def refused(subject: promotion.Subject, *rest: Any) -> ReferenceImage:
        monkeypatch.setattr(promotion, "_added", added)
        change_finding(subject)
        return added(subject, *rest)

    def refused_meanwhile(subject: promotion.Subject, *rest: Any) -> ReferenceImage:
        monkeypatch.setattr(promotion, "_added", refused)
        with pytest.raises(PromotionRefused):
            promote(subjects(other)[0], Promotion(REGION, has_consent=True), both)
        return added(subject, *rest)

    monkeypatch.setattr(promotion, "_added", refused_meanwhile)
    reference = promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    assert default_storage.exists(str(reference.image.name))
    assert ReferenceImage.objects.count() == 1


def test_a_promotion_that_breaks_off_leaves_nothing_for_long(
    both: User, approved: Case, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def gone(*_: Any) -> None:
        raise OperationalError

    ReferenceImageFactory.create()
    monkeypatch.setattr(promotion, "_added", gone)
    with pytest.raises(OperationalError):
        promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    [left] = promoted_files(media)
    erase(holding_of_case(approved))
    for days, count in ((1.9, 1), (2.1, 0)):
        moment = time.time() - days * 86400
        os.utime(left, (moment, moment))
        purge_expired()
        assert len(promoted_files(media)) == count


def test_a_copy_that_was_cleared_away_meanwhile_is_stored_again(
    both: User, approved: Case, media: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It was left by an earlier attempt, long enough ago."""
    added = promotion._added

    def cleared(*arguments: Any) -> ReferenceImage:
        [left] = promoted_files(media)
        left.unlink()
        return added(*arguments)

    monkeypatch.setattr(promotion, "_added", cleared)
    reference = promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    assert default_storage.exists(str(reference.image.name))


def test_a_film_erased_right_after_its_promotion_is_not_stored_again(
    both: User,
    approved: Case,
    media: Path,
    monkeypatch: pytest.MonkeyPatch,
    django_capture_on_commit_callbacks: Any,
) -> None:
    added = promotion._added

    def erased(*arguments: Any) -> ReferenceImage:
        with django_capture_on_commit_callbacks(execute=True):
            reference = added(*arguments)
            erase(holding_of_case(approved))
        return reference

    monkeypatch.setattr(promotion, "_added", erased)
    promote(subjects(approved)[0], Promotion(REGION, has_consent=True), both)
    assert promoted_files(media) == []
