"""Links to reference radiographs that work for a while without a log-in, for the API's readers."""

from typing import Final

from django.core.signing import BadSignature, TimestampSigner
from django.http import HttpRequest
from django.urls import reverse

from implants.models import ReferenceImage

LIFETIME_SECONDS: Final = 3600
_SALT: Final = "implants.links"


def reference_image_url(reference: ReferenceImage, request: HttpRequest) -> str:
    """An absolute address of the radiograph that works for `LIFETIME_SECONDS`."""
    token = TimestampSigner(salt=_SALT).sign(str(reference.pk))
    path = reverse("implants:signed-reference-image", kwargs={"token": token})
    return request.build_absolute_uri(path)


def read_token(token: str) -> int | None:
    """The reference that a link names; None if it was not made by us or is too old."""
    try:
        return int(TimestampSigner(salt=_SALT).unsign(token, max_age=LIFETIME_SECONDS))
    except BadSignature:
        return None
