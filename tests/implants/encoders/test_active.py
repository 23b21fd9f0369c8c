"""The active encoder: named by its row, followed by a running process, never replaced."""

import shutil
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from implants.encoders import active as module
from implants.encoders.active import active, bundle_path, forget
from implants.encoders.bundle import BUNDLED, EncoderUnavailable, load_bundle, version_of
from implants.models import Encoder
from tests.implants.encoders.films import copy_bundle, rendered_image

pytestmark = pytest.mark.django_db


class Clock:
    """Stands in for the monotonic clock."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture(autouse=True)
def clock(monkeypatch: pytest.MonkeyPatch) -> Iterator[Clock]:
    """Time that passes when a test says so, and nothing left over from another test."""
    Encoder.objects.update(is_active=False)
    stopped = Clock()
    monkeypatch.setattr(module, "time", stopped)
    forget()
    yield stopped
    forget()


def row(folder: Path | str, name: str = "bundled for this test") -> Encoder:
    """An active row that knows the bundle as it is now."""
    bundle = bundle_path(str(folder))
    version = version_of(load_bundle(bundle)) if (bundle / "encoder.json").exists() else ""
    return Encoder.objects.create(name=name, path=str(folder), version=version, is_active=True)


def test_active_names_the_row_and_encodes() -> None:
    encoder = row("implants/encoders/bundled")
    found = active()
    assert (found.encoder_id, found.name) == (encoder.pk, encoder.name)
    assert found.session.bundle.path == BUNDLED
    assert found.session.encode(rendered_image()).shape == (512,)


def test_active_without_a_row_is_unavailable() -> None:
    with pytest.raises(EncoderUnavailable, match="activate_encoder"):
        active()


def test_active_ignores_rows_that_are_not_active() -> None:
    Encoder.objects.create(name="idle", path=str(BUNDLED), is_active=False)
    with pytest.raises(EncoderUnavailable):
        active()


def test_active_with_its_bundle_gone_is_unavailable(tmp_path: Path) -> None:
    row(tmp_path / "none")
    with pytest.raises(EncoderUnavailable, match=r"encoder\.json"):
        active()


def test_active_gives_one_session_to_all_threads() -> None:
    row(BUNDLED)
    first = active()
    with ThreadPoolExecutor(4) as pool:  # within two seconds no thread asks the database
        assert all(found is first for found in pool.map(lambda _: active(), range(8)))


def test_active_keeps_its_session_while_nothing_changes(clock: Clock) -> None:
    row(BUNDLED)
    session = active().session
    clock.now += 60
    assert active().session is session


def test_active_follows_another_encoder_after_two_seconds(clock: Clock, tmp_path: Path) -> None:
    first = row(BUNDLED)
    assert active().encoder_id == first.pk
    Encoder.objects.update(is_active=False)
    second = row(copy_bundle(tmp_path), "second")
    clock.now += 1.9
    assert active().encoder_id == first.pk
    clock.now += 0.2
    assert active().encoder_id == second.pk


def test_forget_follows_at_once(tmp_path: Path) -> None:
    row(BUNDLED)
    active()
    Encoder.objects.update(is_active=False)
    second = row(copy_bundle(tmp_path), "second")
    forget()
    assert active().encoder_id == second.pk


def test_active_notices_that_no_encoder_is_active_any_more(clock: Clock) -> None:
    row(BUNDLED)
    active()
    Encoder.objects.update(is_active=False)
    clock.now += 3
    with pytest.raises(EncoderUnavailable):
        active()


def test_active_notices_that_the_bundle_went_and_came_back(clock: Clock, tmp_path: Path) -> None:
    folder = copy_bundle(tmp_path)
    row(folder)
    active()
    shutil.move(folder, tmp_path / "away")
    clock.now += 3
    with pytest.raises(EncoderUnavailable):
        active()
    shutil.move(tmp_path / "away", folder)
    assert active().session.bundle.path == folder


def test_a_bundle_with_other_content_is_refused_until_it_is_activated(
    clock: Clock, tmp_path: Path
) -> None:
    """The catalogue's vectors were made by the bundle that was activated."""
    folder = copy_bundle(tmp_path)
    row(folder)
    active()
    description = folder / "encoder.json"
    description.write_text(description.read_text().replace('"version": "', '"version": "0'))
    clock.now += 3
    with pytest.raises(EncoderUnavailable, match="activate_encoder"):
        active()
