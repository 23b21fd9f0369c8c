"""`seed_systems`: the published facts become implants, and curators' work stays."""

import io
from decimal import Decimal
from pathlib import PurePosixPath
from typing import Any

import pytest
from django.contrib.admin.models import LogEntry
from django.core.management import CommandError, call_command
from django.db import OperationalError

from implants.history import SERVICE
from implants.management.commands import seed_systems
from implants.models import Implant, Manufacturer, ReferenceImage
from implants.published import SYSTEMS
from implants.seeding.directory import Directory
from implants.seeding.names import Convention, read_name
from tests.factories import ImplantFactory, ReferenceImageFactory

pytestmark = pytest.mark.django_db


def seed(*options: str) -> str:
    answer = io.StringIO()
    call_command("seed_systems", *options, stdout=answer)
    return answer.getvalue()


def blx(**fields: Any) -> Implant:
    maker = Manufacturer.objects.create(name="Straumann")
    return ImplantFactory.create(manufacturer=maker, name="BLX", **fields)


def test_all_systems_become_implants_with_readable_sources_and_no_films() -> None:
    answer = seed()

    assert Implant.objects.count() == len(SYSTEMS) and "65 created" in answer
    assert not ReferenceImage.objects.exists() and not Implant.objects.filter(is_demo=True).exists()
    helix = Implant.objects.get(manufacturer__name="Neodent", name="Helix GM")
    assert helix.manufacturer.country == "BR"
    assert (helix.connection, helix.apex) == ("conical", "cone")
    assert helix.diameters_mm == [Decimal("3.75"), Decimal("4.00"), Decimal("7.00")]
    assert helix.sources["apex"] == "resumo 510(k) da FDA"
    assert helix.sources["type"] == "conhecimento geral, sem fonte"
    for implant in Implant.objects.select_related("manufacturer"):
        implant.full_clean()


def test_works_in_production(settings: Any) -> None:
    settings.IS_DEVELOPMENT = False
    assert "65 created" in seed()


def test_second_run_changes_nothing() -> None:
    seed()
    before = list(Implant.objects.order_by("pk").values())

    assert "0 created, 0 filled, 65 unchanged" in seed()
    assert list(Implant.objects.order_by("pk").values()) == before


def test_what_a_curator_wrote_stays_and_what_is_empty_is_filled() -> None:
    ours = blx(body="parallel", sources={"body": "radiografia própria"}, aliases=["Roxolid"])

    answer = seed()

    ours.refresh_from_db()
    assert (ours.body, ours.sources["body"]) == ("parallel", "radiografia própria")
    assert ours.aliases == ["Roxolid"]
    assert (ours.level, ours.connection_detail) == ("bone", "TorcFit")
    assert ours.sources["connection_detail"] == "resumo 510(k) da FDA"
    assert ours.manufacturer.country or Manufacturer.objects.get(name="Straumann").country == "CH"
    assert "filled: Straumann BLX" in answer


def test_a_curators_value_never_gets_the_published_source() -> None:
    ours = blx(body="parallel")
    seed()
    ours.refresh_from_db()
    assert "body" not in ours.sources


def test_bare_codes_of_earlier_versions_are_spelled_out() -> None:
    ours = blx(body="tapered", sources={"body": "F"})
    seed()
    ours.refresh_from_db()
    assert ours.sources["body"] == "resumo 510(k) da FDA"


def test_a_demo_implant_becomes_real_and_its_demo_references_stay_demo() -> None:
    demo = blx(is_demo=True)
    reference = ReferenceImageFactory.create(implant=demo, is_demo=True)

    seed()

    demo.refresh_from_db()
    reference.refresh_from_db()
    assert (demo.is_demo, reference.is_demo) == (False, True)


def test_an_implant_that_carries_the_name_as_an_alias_is_not_made_again() -> None:
    maker = Manufacturer.objects.create(name="Straumann")
    merged = ImplantFactory.create(manufacturer=maker, name="BLX Roxolid", aliases=["Blx"])

    seed()

    assert not Implant.objects.filter(name="BLX").exists()
    merged.refresh_from_db()
    assert merged.body == "", "its facts may be those of something else by now"


def test_dry_run_says_the_same_and_writes_nothing() -> None:
    answer = seed("--dry-run")

    assert "nothing was written" in answer and "65 created" in answer
    assert not Implant.objects.exists() and not LogEntry.objects.exists()


def test_a_failure_is_an_error_and_leaves_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(system: Any) -> None:
        Manufacturer.objects.create(name=system.name)
        raise OperationalError("gone")

    monkeypatch.setattr(seed_systems, "complete_system", fail)
    with pytest.raises(CommandError, match="gone"):
        seed()
    assert not Manufacturer.objects.exists()


def test_history_says_that_the_service_did_it() -> None:
    ours = blx()
    seed()

    entry = LogEntry.objects.get(object_id=str(ours.pk), content_type__model="implant")
    assert entry.user.username == SERVICE and not entry.user.is_active
    assert not entry.user.has_usable_password()
    assert "nível" in entry.change_message.lower()


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("NEODENT_ALVIM_CM_3.5mm_1.jpg", "Alvim CM"),
        ("NEODENT_GM_DRIVE_4.3mm.jpg", "Drive GM"),
        ("STRAUMANN_TLC_4.5mm.jpg", "TLC"),
        ("NOBEL_N1_4.0mm.jpg", "N1"),
        ("CAMLOG_PROGRESSIVE_LINE_3.8mm.jpg", "Progressive-Line"),
        ("ASTRA_OSSEOSPEED_EV_3.6mm.jpg", "Astra EV"),
    ],
)
def test_films_find_the_seeded_systems_by_their_names(name: str, line: str) -> None:
    seed()
    named = read_name(PurePosixPath(name), Convention.NAME, Directory())
    assert named and named.line == line
    assert Implant.objects.filter(manufacturer__name=named.manufacturer, name=line).exists()
