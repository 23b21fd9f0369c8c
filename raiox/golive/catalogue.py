"""Something true to compare with, and a search that finds it."""

from collections.abc import Iterator
from contextlib import contextmanager
from io import BytesIO
from typing import Any, Final

from django.contrib.auth.models import Group, User
from rest_framework_simplejwt.tokens import AccessToken
from urllib3.filepost import encode_multipart_formdata

from implants.catalogue import without_vector
from implants.models import Encoder, Implant, ReferenceImage
from implants.radiograph import reopen_copy
from raiox.common.api.scopes import CLAIM, READER
from raiox.golive.asking import ask
from raiox.golive.line import Line, Plan, fail, ok, warn

ACCOUNT: Final = "machine:golive-check"
_QUALITY: Final = 92
"""Of JPEG: other bytes than the reference's, so that its stored vector is not simply looked up."""


def filled(plan: Plan) -> Line:
    """There are references, none of them is demo, and the active encoder has seen them all."""
    implants, references = Implant.objects.count(), ReferenceImage.objects.count()
    demo = _demo()
    seen = f"{implants} implants, {references} references"
    if demo:
        return fail(f"{seen}; {demo} of them are demo", "Delete what is marked as demo, in admin.")
    encoder = Encoder.objects.filter(is_active=True).first()
    lacking = without_vector(encoder.pk).count() if encoder else references
    if lacking == references:
        return fail(f"{seen}; none can be found", "Run manage.py seed_implants, check_catalogue.")
    if lacking:
        todo = "Wait for the worker, then run manage.py check_catalogue."
        return warn(f"{seen}; {lacking} can't be found yet", todo)
    return ok(f"{seen}, all of them searchable")


def _demo() -> int:
    implants = Implant.objects.filter(is_demo=True).count()
    return implants + ReferenceImage.objects.filter(is_demo=True).count()


def top_three(plan: Plan) -> Line:
    """Known references, saved anew, are sent to /search: their implant comes first."""
    sample = _sample(plan.references)
    if not sample:
        return fail("there is no reference to search for", "Run manage.py seed_implants.")
    with _reader() as headers:
        places = {reference: _place(plan, headers, reference) for reference in sample}
    first = sum(place == 1 for place in places.values())
    missed = [str(reference.pk) for reference, place in places.items() if not place]
    seen = f"of {len(sample)} references {first} come first, {len(sample) - len(missed)} in three"
    if missed:
        seen += f"; missed: {', '.join(missed)}"
        return fail(seen, "The search does not find what it knows: run manage.py check_catalogue.")
    if first < len(sample):
        todo = "Another implant has the same film, or the encoder can't tell them apart: look."
        return warn(seen, todo)
    return ok(seen)


def _sample(size: int) -> list[ReferenceImage]:
    """Searchable references of as many implants as there are; the same ones each time."""
    found = ReferenceImage.objects.filter(vectors__encoder__is_active=True)
    one_each = found.order_by("implant_id", "sha256").distinct("implant_id")
    chosen = sorted(one_each, key=lambda reference: reference.sha256)[:size]
    others = found.exclude(pk__in=[reference.pk for reference in chosen]).order_by("sha256")
    return chosen + list(others[: size - len(chosen)])


@contextmanager
def _reader() -> Iterator[dict[str, str]]:
    """The header of an account that may search, without a password, gone afterwards."""
    user, _ = User.objects.get_or_create(username=ACCOUNT)
    user.set_unusable_password()
    user.save()
    try:
        user.groups.set(Group.objects.filter(name="Leitores"))
        token: Any = AccessToken.for_user(user)
        token[CLAIM] = READER
        yield {"Authorization": f"Bearer {token}"}
    finally:
        user.delete()


def _place(plan: Plan, headers: dict[str, str], reference: ReferenceImage) -> int:
    """The rank of the reference's implant in the answer; 0 when it is not among the three."""
    fields: dict[str, Any] = {"file": ("reference.jpg", _saved_anew(reference), "image/jpeg")}
    if reference.region is not None:
        fields["region"] = str(reference.region)
    body, content_type = encode_multipart_formdata(fields)
    sent = {**headers, "Content-Type": content_type}
    answer = ask("POST", f"{plan.url}/search", headers=sent, body=body)
    if answer.status != 200:
        raise ValueError(f"{plan.url}/search answers {answer.status}")
    for result in answer.json()["results"]:
        if result["implant"]["id"] == reference.implant_id:
            return int(result["rank"])
    return 0


def _saved_anew(reference: ReferenceImage) -> bytes:
    with reference.image.open() as file:
        film = reopen_copy(file.read())
    buffer = BytesIO()
    film.image.save(buffer, "JPEG", quality=_QUALITY)
    return buffer.getvalue()
