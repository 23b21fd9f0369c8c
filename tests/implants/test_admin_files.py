"""Reference radiographs over HTTP: who gets them, and how."""

import io
from collections.abc import Callable
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from django.core import signing
from django.test import Client, RequestFactory
from django.utils import translation
from PIL import Image

from implants import links
from implants.catalogue import add_reference
from implants.links import reference_image_url
from implants.models import ReferenceImage
from implants.region import Region
from tests.factories import ImplantFactory
from tests.implants.conftest import film, stored_name
from tests.people import logged_in, person

pytestmark = pytest.mark.usefixtures("media")


@pytest.fixture
def reference(db: None) -> ReferenceImage:
    return add_reference(ImplantFactory.create(), film(1, side=900)).reference


def addresses(reference: ReferenceImage) -> list[str]:
    whole = f"/files/references/{reference.pk}"
    return [whole, f"{whole}/thumbnail", f"{whole}/implant"]


def test_only_staff_with_the_permission_get_references(reference: ReferenceImage) -> None:
    curator = logged_in(person("curadora", "Curadores"))
    not_staff = logged_in(person("leitora", "Leitores", is_staff=False))
    no_group = logged_in(person("nova"))

    for address in addresses(reference):
        assert curator.get(address).status_code == 200
        assert "/admin/login/" in Client().get(address).url  # type: ignore[attr-defined]
        assert not_staff.get(address).status_code == 403
        assert no_group.get(address).status_code == 403
        assert curator.post(address).status_code == 405


def test_pictures_are_private_and_never_taken_for_anything_else(
    reference: ReferenceImage,
) -> None:
    curator = logged_in(person("curadora", "Curadores"))

    for address, kind in zip(addresses(reference), ("png", "jpeg", "jpeg"), strict=True):
        answer = curator.get(address)
        assert answer["Content-Type"] == f"image/{kind}"
        assert answer["X-Content-Type-Options"] == "nosniff"
        assert answer["Cache-Control"] == "private, max-age=3600"
        assert "default-src 'none'" in answer["Content-Security-Policy"]
        again = curator.get(address, headers={"If-None-Match": answer["ETag"]})
        assert (again.status_code, again.content) == (304, b"")


def test_thumbnail_is_small_and_the_picture_is_as_stored(
    reference: ReferenceImage, media: Path
) -> None:
    curator = logged_in(person("curadora", "Curadores"))
    whole, small, _ = (curator.get(address).content for address in addresses(reference))

    assert whole == (media / stored_name(reference)).read_bytes()
    assert Image.open(io.BytesIO(small)).size == (480, 480)


def test_region_is_shown_with_a_margin_in_a_cards_shape(reference: ReferenceImage) -> None:
    curator = logged_in(person("curadora", "Curadores"))
    region = Region(0.45, 0.3, 0.1, 0.4)
    ReferenceImage.objects.filter(pk=reference.pk).update(region=region.to_list())

    shown = Image.open(io.BytesIO(curator.get(addresses(reference)[2]).content))

    assert shown.width / shown.height == pytest.approx(4 / 3, rel=0.02)


def test_format_that_browsers_do_not_know_is_shown_as_png(
    reference: ReferenceImage, media: Path
) -> None:
    (media / stored_name(reference)).write_bytes(film(1, kind="TIFF"))
    curator = logged_in(person("curadora", "Curadores"))

    answer = curator.get(addresses(reference)[0])

    assert answer["Content-Type"] == "image/png"
    assert Image.open(io.BytesIO(answer.content)).format == "PNG"


def test_film_that_is_gone_or_broken_is_not_found(reference: ReferenceImage, media: Path) -> None:
    curator = logged_in(person("curadora", "Curadores"))
    stored = media / stored_name(reference)

    stored.write_bytes(b"<html>not a film</html>")
    assert [curator.get(address).status_code for address in addresses(reference)] == [404] * 3
    stored.unlink()
    assert [curator.get(address).status_code for address in addresses(reference)] == [404] * 3


def test_films_in_a_bucket_come_through_the_service(
    db: None, make_bucket: Callable[..., str], bucket_storage: Callable[[str], None]
) -> None:
    bucket_storage(make_bucket({}))
    stored = add_reference(ImplantFactory.create(), film(1)).reference
    curator = logged_in(person("curadora", "Curadores"))

    answers = [curator.get(address) for address in addresses(stored)]

    assert [answer.status_code for answer in answers] == [200] * 3
    gone = ReferenceImage.objects.create(
        implant=stored.implant, image="referencia/gone.png", source_key="x", sha256="1" * 64
    )
    assert curator.get(addresses(gone)[0]).status_code == 404


def test_signed_link_works_without_a_log_in_until_it_expires(
    reference: ReferenceImage, monkeypatch: pytest.MonkeyPatch
) -> None:
    request: Any = RequestFactory().get("/implants")
    link = reference_image_url(reference, request)

    assert link.startswith("http://testserver/files/references/signed/")
    assert Client().get(link).status_code == 200
    monkeypatch.setattr(links, "LIFETIME_SECONDS", -1)
    assert Client().get(link).status_code == 404


def test_link_that_was_not_signed_for_this_leads_nowhere(reference: ReferenceImage) -> None:
    request: Any = RequestFactory().get("/implants")
    signed = reference_image_url(reference, request)
    other = signing.TimestampSigner(salt="something else").sign(str(reference.pk))

    for token in (str(reference.pk), other, signed.rsplit("/", 1)[1].replace("1", "2", 1)):
        assert Client().get(f"/files/references/signed/{token}").status_code == 404


def test_references_of_an_implant_are_listed_with_what_is_known(reference: ReferenceImage) -> None:
    curator = logged_in(person("curadora", "Curadores"))
    region = Region(0.45, 0.3, 0.1, 0.4).to_list()
    ReferenceImage.objects.filter(pk=reference.pk).update(
        region=region, diameter_mm=Decimal("4.30"), length_mm=Decimal("11.0"), is_demo=True
    )
    bare = add_reference(reference.implant, film(2)).reference
    add_reference(ImplantFactory.create(), film(3))

    with translation.override("pt-br"):
        answer = curator.get(f"/files/implants/{reference.implant.pk}/references")

    assert answer.json() == {
        "implant": str(reference.implant),
        "references": [
            {
                "id": str(reference.pk),
                "image": f"/files/references/{reference.pk}",
                "region": region,
                "size": "Ø 4,3 × 11 mm",
                "is_demo": True,
            },
            {
                "id": str(bare.pk),
                "image": f"/files/references/{bare.pk}",
                "region": None,
                "size": "",
                "is_demo": False,
            },
        ],
    }
    assert answer["Cache-Control"] == "private, no-store"


def test_only_staff_with_the_permission_get_the_list(reference: ReferenceImage) -> None:
    address = f"/files/implants/{reference.implant.pk}/references"

    assert logged_in(person("brenda", "Revisores")).get(address).status_code == 200
    assert "/admin/login/" in Client().get(address).url  # type: ignore[attr-defined]
    assert logged_in(person("nova")).get(address).status_code == 403
    leitora = person("leitora", "Leitores", is_staff=False)
    assert logged_in(leitora).get(address).status_code == 403
    assert (
        logged_in(person("rita", "Revisores")).get("/files/implants/0/references").status_code
        == 404
    )
