"""File names: which implant they speak of."""

import unicodedata
from decimal import Decimal
from pathlib import PurePosixPath

import pytest

from implants.models import Implant
from implants.seeding.directory import Directory
from implants.seeding.names import Convention, Named, NameProblemError, read_name
from tests.factories import ImplantFactory

pytestmark = pytest.mark.django_db


def read(path: str, convention: str = "auto") -> Named | None:
    return read_name(PurePosixPath(path), Convention(convention), Directory())


def implant(manufacturer: str, name: str, aliases: list[str] | None = None) -> Implant:
    return ImplantFactory.create(manufacturer__name=manufacturer, name=name, aliases=aliases or [])


@pytest.mark.parametrize(
    ("path", "manufacturer", "line", "diameter"),
    [
        ("STRAUMANN_BLX_4.5mm.jpg", "Straumann", "BLX", "4.5"),
        ("STRAUMANN_BL_4.1mm_13.jpg", "Straumann", "Bone Level", "4.1"),
        ("NEODENT_GRAND_MORSE_4.0mm_17.jpg", "Neodent", "Grand Morse", "4.0"),
        ("ZIMMER_SCREW_VENT_4.0mm_28.jpg", "Zimmer", "Tapered Screw-Vent", "4.0"),
        ("ZIMMER_TSV_3.7mm_31.jpg", "Zimmer", "Tapered Screw-Vent", "3.7"),
        ("ZIMMER_SWISS_PLUS_4.1mm_30.jpg", "Zimmer", "Swiss Plus", "4.1"),
        ("NOBEL_REPLACE_4.3mm_01.jpg", "Nobel Biocare", "NobelReplace", "4.3"),
        ("NOBEL_BIOCARE_REPLACE_4.3mm_01.jpg", "Nobel Biocare", "NobelReplace", "4.3"),
        ("NOBEL_BRÅNEMARK_3.75mm_02.jpg", "Nobel Biocare", "Brånemark System", "3.75"),
        ("CONEXAO_MASTER_3,75mm.jpg", "Conexão", "Master", "3.75"),
        ("BIOMET_3I_CERTAIN_4.0mm.jpg", "Zimmer Biomet", "3i Certain", "4.0"),
        ("ALPHA-BIO_SPI_3.75mm.jpg", "Alpha-Bio", "SPI", "3.75"),
        ("ACME_SUPER_LINE_4.0mm_1.jpg", "Acme", "Super Line", "4.0"),
        ("MIS_V3_3.9mm_2.tiff", "MIS", "V3", "3.9"),
    ],
)
def test_name_gives_manufacturer_line_and_diameter(
    path: str, manufacturer: str, line: str, diameter: str
) -> None:
    expected = Named(manufacturer, line, Decimal(diameter))

    assert read(path, "name") == expected
    assert read(path) == expected


@pytest.mark.parametrize(
    ("path", "manufacturer", "line"),
    [
        ("straumann/bone_level_tapered_01.jpg", "Straumann", "Bone Level Tapered"),
        ("straumann/blt_01.jpg", "Straumann", "Bone Level Tapered"),
        ("straumann/STRAUMANN_BLX_01.jpg", "Straumann", "BLX"),
        ("nobel_biocare/replace_1.jpg", "Nobel Biocare", "NobelReplace"),
        ("referencia/conexao/master_03.jpg", "Conexão", "Master"),
        ("acme/super_line_01.jpg", "Acme", "Super Line"),
        ("straumann/blx/IMG_0001.jpg", "Straumann", "BLX"),
        ("straumann/2024/blx_01.jpg", "Straumann", "BLX"),
    ],
)
def test_folder_gives_the_manufacturer(path: str, manufacturer: str, line: str) -> None:
    assert read(path, "folder") == Named(manufacturer, line)
    assert read(path) == Named(manufacturer, line)


@pytest.mark.parametrize("form", ["NFC", "NFD"])
@pytest.mark.parametrize("path", ["Conexão/MASTER_01.jpg", "CONEXÃO_MASTER_01.jpg"])
def test_name_with_accents_in_either_form_of_unicode(path: str, form: str) -> None:
    decomposed = unicodedata.normalize(form, path)  # type: ignore[arg-type]

    assert read(decomposed) == Named("Conexão", "Master")


def test_name_of_an_unknown_manufacturer_keeps_its_accents() -> None:
    named = read(unicodedata.normalize("NFD", "FÁBRICA_LINHA_FÊNIX_4.0mm.jpg"))

    assert named == Named("Fábrica", "Linha Fênix", Decimal("4.0"))


def test_name_with_a_length() -> None:
    named = read("STRAUMANN_BLX_4.5x11.5mm_2.jpg")

    assert named == Named("Straumann", "BLX", Decimal("4.5"), Decimal("11.5"))


def test_name_by_an_alias_of_the_catalogue() -> None:
    implant("Neodent", "Helix Grand Morse", ["GM-H", "Hélice"])

    assert read("NEODENT_GM_H_4.0mm.jpg") == Named("Neodent", "Helix Grand Morse", Decimal("4.0"))
    assert read("neodent/helice_02.jpg") == Named("Neodent", "Helix Grand Morse")


def test_name_of_a_manufacturer_of_two_words_that_the_catalogue_knows() -> None:
    assert read("BELLA_VISTA_PRIMO_4.0mm.jpg") == Named("Bella", "Vista Primo", Decimal("4.0"))
    implant("Bella Vista", "Primo")

    assert read("BELLA_VISTA_PRIMO_4.0mm.jpg") == Named("Bella Vista", "Primo", Decimal("4.0"))


def test_name_means_what_the_catalogue_says_rather_than_published_facts() -> None:
    implant("Straumann", "BL")

    assert read("STRAUMANN_BL_4.1mm.jpg") == Named("Straumann", "BL", Decimal("4.1"))


def test_published_name_that_lives_on_as_an_alias_means_that_implant() -> None:
    """An implant was merged into another or renamed: files must not bring it back."""
    implant("Neodent", "Helix GM", ["Grand Morse", "GM"])
    implant("Zimmer", "TSV Classic", ["Tapered Screw-Vent"])
    for path, line in [
        ("NEODENT_GRAND_MORSE_4.0mm.jpg", "Helix GM"),
        ("NEODENT_GM_4.0mm.jpg", "Helix GM"),
        ("ZIMMER_TAPERED_SCREW_VENT_4.0mm.jpg", "TSV Classic"),
        ("ZIMMER_TSV_3.7mm_31.jpg", "TSV Classic"),  # a published alias of the published name
    ]:
        named = read(path)
        assert named and named.line == line, path


def test_name_of_its_own_counts_more_than_anothers_alias() -> None:
    maker = implant("Neodent", "Helix GM", ["Grand Morse"]).manufacturer
    ImplantFactory.create(manufacturer=maker, name="Grand Morse")
    named = read("NEODENT_GRAND_MORSE_4.0mm.jpg")
    assert named and named.line == "Grand Morse"


def test_published_name_that_two_implants_go_by_is_a_problem() -> None:
    maker = implant("Neodent", "Helix GM", ["Grand Morse"]).manufacturer
    ImplantFactory.create(manufacturer=maker, name="Drive GM", aliases=["Grand Morse"])
    for path in ("NEODENT_GRAND_MORSE_4.0mm.jpg", "NEODENT_GM_4.0mm.jpg"):
        with pytest.raises(NameProblemError, match="Drive GM or Helix GM"):
            read(path)


def test_name_that_two_implants_go_by_is_a_problem() -> None:
    implant("Neodent", "Drive CM", ["Drive"])
    ImplantFactory.create(
        manufacturer=Implant.objects.get(name="Drive CM").manufacturer,
        name="Drive GM",
        aliases=["Drive"],
    )

    with pytest.raises(NameProblemError, match="Drive CM or Drive GM"):
        read("NEODENT_DRIVE_4.3mm.jpg")


def test_known_maker_of_an_unknown_line_is_no_implant() -> None:
    assert read("NEODENT_GENERIC_4.0mm_1.jpg") is None
    assert read("STRAUMANN_UNKNOWN_4.1mm.jpg") is None


def test_name_of_a_line_alone() -> None:
    assert read("ANKYLOS_3.5mm_1.jpg") == Named("Dentsply Sirona", "Ankylos", Decimal("3.5"))


@pytest.mark.parametrize(
    ("path", "line"),
    [
        ("NEODENT_GM_3_5mm_1.jpg", "Grand Morse"),
        ("STRAUMANN_BLX_Ø4.5mm.jpg", "BLX"),
        ("STRAUMANN_BLX_Ø_4.5mm.jpg", "BLX"),
        ("STRAUMANN_BLX_D4.5mm.jpg", "BLX"),
        ("STRAUMANN_BLX_4.500mm.jpg", "BLX"),
        ("straumann/blx01.jpg", "BLX"),
        ("straumann/blx_Ø4.5_Ø3mm_7.jpg", "BLX"),
    ],
)
def test_known_line_with_an_unreadable_size_is_no_new_line(path: str, line: str) -> None:
    with pytest.raises(NameProblemError, match=f"it says {line} and more"):
        read(path)


def test_line_that_ends_in_a_number_is_a_line_if_the_catalogue_says_so_or_nothing_is_alike() -> (
    None
):
    assert read("STRAUMANN_ROCK_2_4.5mm.jpg") == Named("Straumann", "Rock 2", Decimal("4.5"))
    assert read("ACME_BLX_2_4.5mm.jpg") == Named("Acme", "BLX 2", Decimal("4.5"))
    implant("Straumann", "BLX 2")
    assert read("STRAUMANN_BLX_2_4.5mm.jpg") == Named("Straumann", "BLX 2", Decimal("4.5"))


def test_line_alone_is_told_by_its_name_and_not_by_an_alias() -> None:
    """Aliases are short: BL alone tells no maker, whether or not the catalogue has the implant."""
    implant("Straumann", "Bone Level", ["BL"])
    implant("Dentsply Sirona", "Ankylos C/X", ["Ankylos"])

    with pytest.raises(NameProblemError, match="no line"):
        read("BL_4.1mm_1.jpg")
    assert read("ANKYLOS_3.5mm.jpg") == Named("Dentsply Sirona", "Ankylos C/X", Decimal("3.5"))


@pytest.mark.parametrize(
    "path",
    [
        "GENERIC_IMPLANT_4.0mm_33.jpg",
        "UNKNOWN_4.0mm.jpg",
        "Genérico_01.jpg",
        "unknown/film_01.jpg",
        "unknown/neodent/gm_01.jpg",
        "straumann/unknown_01.jpg",
    ],
)
@pytest.mark.parametrize("convention", [*Convention])
def test_name_of_no_implant(path: str, convention: Convention) -> None:
    assert read_name(PurePosixPath(path), convention, Directory()) is None


@pytest.mark.parametrize(
    ("path", "convention", "reason"),
    [
        ("STRAUMANN_4.5mm.jpg", "auto", "no line"),
        ("STRAUMANN_BLX_45mm.jpg", "auto", "45 mm wide"),
        ("IMG_20240101.jpg", "auto", "no known manufacturer"),
        ("bone_level_01.jpg", "folder", "no manufacturer's folder"),
        ("referencia/bone_level_01.jpg", "folder", "no manufacturer's folder"),
        ("straumann/01.jpg", "folder", "no line"),
        ("straumann/NEODENT_DRIVE_4.3mm.jpg", "auto", "folder says Straumann, its name Neodent"),
    ],
)
def test_name_that_follows_no_convention_is_a_problem(
    path: str, convention: str, reason: str
) -> None:
    with pytest.raises(NameProblemError, match=reason):
        read(path, convention)
