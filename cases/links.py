"""Links to patients' films: signed, and good for an hour or two only.

Those of pages need a log-in beside them; one of the API stands for the reader whom it was given to.
"""

import time
from typing import Final

from django.contrib.auth.models import User
from django.core.signing import BadSignature, Signer
from django.urls import reverse

from cases.models import CaseImage

LIFETIME_SECONDS: Final = 3600
# Ends of lives are rounded up to these, so that a page shows the same address for a while and the
# browser that still has its films is only told so.
_STEP_SECONDS: Final = 3600
_PAGE: Final = "cases.links.page"
_API: Final = "cases.links.api"


def film_url(image: CaseImage) -> str:
    """The film in full, for a page."""
    return reverse("cases:image", args=[_signed(_PAGE, image.pk)])


def thumbnail_url(image: CaseImage) -> str:
    """The film small, for a page."""
    return reverse("cases:thumbnail", args=[_signed(_PAGE, image.pk)])


def api_film_url(image: CaseImage, user: User) -> str:
    """The film in full, for a program of `user`: her rights count when it is used."""
    return reverse("cases:api-image", args=[_signed(_API, image.pk, user.pk)])


def read_page_token(token: str) -> int | None:
    """The image that a page's link names; None if we did not make it or it is too old."""
    numbers = _read(_PAGE, token)
    return numbers[0] if numbers else None


def read_api_token(token: str) -> tuple[int, int] | None:
    """Image and user of a link of the API; None if we did not make it or it is too old."""
    numbers = _read(_API, token)
    return (numbers[0], numbers[1]) if numbers else None


def _signed(salt: str, *numbers: int) -> str:
    end = time.time() + LIFETIME_SECONDS
    rounded = int(-(-end // _STEP_SECONDS) * _STEP_SECONDS)
    return Signer(salt=salt).sign("-".join(map(str, [rounded, *numbers])))


def _read(salt: str, token: str) -> list[int] | None:
    try:
        end, *numbers = map(int, Signer(salt=salt).unsign(token).split("-"))
    except BadSignature:
        return None
    return numbers if time.time() < end else None
