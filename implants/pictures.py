"""Films as private pictures for a browser: whole, or small for lists.

Every film goes through the service, also out of a bucket: who may see it is decided here, and no
address of the storage ever reaches a page. What a browser shows as it is, nginx may send out of the
local folder (`FILES_X_ACCEL`), by a header that no visitor sees.
"""

import io
from collections.abc import Callable
from typing import Final
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.utils.cache import get_conditional_response
from PIL import Image

from implants.radiograph import RadiographError, clean_copy, reopen_copy
from implants.region import Region

THUMBNAIL_SIDE: Final = 480
"""Pixels of the longer side: a card of 240 CSS pixels on a screen of double density."""
REFERENCE: Final = "private, max-age=3600"
"""How long a browser shows a film of the catalogue without asking: a page shows dozens of them."""
PATIENT: Final = "private, no-cache"
"""A patient's film is asked for each time, since each look is recorded, and may be over by then.

What the browser kept is not sent again: the answer is 304. Small films in lists are films, too.
"""
_CARD_RATIO: Final = 4 / 3
_MARGIN: Final = 0.12

# What browsers show as it is, by the file's first bytes; everything else is made into a PNG.
_SIGNATURES: Final = (
    (b"\x89PNG\r\n\x1a\n", "image/png"),
    (b"\xff\xd8\xff", "image/jpeg"),
)
_HEADERS: Final = {
    "Content-Disposition": "inline",
    "Content-Security-Policy": "default-src 'none'; sandbox",
    "Cross-Origin-Resource-Policy": "same-origin",
    "Vary": "Cookie",
    "X-Content-Type-Options": "nosniff",
}

Picture = tuple[bytes, str]
"""Bytes and their media type."""


def picture_response(
    request: HttpRequest, file: FieldFile, version: str, kept: str = REFERENCE
) -> HttpResponseBase:
    """The film as it is stored. `version` names its content: another film, another version.

    `kept` is `REFERENCE` or `PATIENT`.
    """
    by_nginx = bool(settings.FILES_X_ACCEL)
    return _respond(request, file, version, _as_stored, kept=kept, by_nginx=by_nginx)


def thumbnail_response(
    request: HttpRequest, file: FieldFile, version: str, kept: str = REFERENCE
) -> HttpResponseBase:
    """The film as a JPEG of at most `THUMBNAIL_SIDE` pixels a side."""
    return _respond(request, file, f"{version}-{THUMBNAIL_SIDE}", _thumbnail, kept=kept)


def region_response(
    request: HttpRequest, file: FieldFile, version: str, region: list[float]
) -> HttpResponseBase:
    """Like a thumbnail, of the region with a little around it: how a card shows an implant."""
    name = "-".join(f"{number:.4f}" for number in region)
    return _respond(
        request, file, f"{version}-{name}", lambda data: _thumbnail(data, Region.from_list(region))
    )


def _respond(
    request: HttpRequest,
    file: FieldFile,
    version: str,
    render: Callable[[bytes], Picture],
    *,
    kept: str = REFERENCE,
    by_nginx: bool = False,
) -> HttpResponseBase:
    """The rendered file, or 304 without reading it; `Http404` when it is gone or no film."""
    etag = f'"{version}"'
    unchanged = get_conditional_response(request, etag=etag)
    handed = _handed_to_nginx(file) if by_nginx and not unchanged else None
    response = unchanged or handed or HttpResponse(*_render(file, render))
    for name, value in {**_HEADERS, "Cache-Control": kept, "ETag": etag}.items():
        response[name] = value
    return response


def _render(file: FieldFile, render: Callable[[bytes], Picture]) -> Picture:
    try:
        with file.open("rb") as stored:
            return render(stored.read())
    except (FileNotFoundError, RadiographError) as error:
        raise Http404 from error


def _handed_to_nginx(file: FieldFile) -> HttpResponse | None:
    """A film that lies in the local folder and needs no rendering, to be sent by nginx."""
    if not isinstance(file.storage, FileSystemStorage):
        return None
    try:
        with file.open("rb") as stored:
            media_type = _type_of(stored.read(16))
    except FileNotFoundError as error:
        raise Http404 from error
    if not media_type:
        return None
    place = f"{settings.FILES_X_ACCEL}{quote(str(file.name))}"
    return HttpResponse(content_type=media_type, headers={"X-Accel-Redirect": place})


def _type_of(beginning: bytes) -> str:
    return next((kind for mark, kind in _SIGNATURES if beginning.startswith(mark)), "")


def _as_stored(data: bytes) -> Picture:
    if media_type := _type_of(data):
        return data, media_type
    return clean_copy(reopen_copy(data)), "image/png"


def _thumbnail(data: bytes, region: Region | None = None) -> Picture:
    image = reopen_copy(data).image
    if region:
        image = image.crop(_around(region, *image.size))
    image.thumbnail((THUMBNAIL_SIDE, THUMBNAIL_SIDE), Image.Resampling.LANCZOS, reducing_gap=2)
    buffer = io.BytesIO()
    image.save(buffer, "JPEG", quality=82)
    return buffer.getvalue(), "image/jpeg"


def _around(region: Region, width: int, height: int) -> tuple[int, int, int, int]:
    """The region in pixels with a margin, widened to a card's shape as far as the film goes."""
    left, top, right, bottom = region.box(width, height)
    margin = round(_MARGIN * max(right - left, bottom - top))
    top, bottom = max(0, top - margin), min(height, bottom + margin)
    half = max(right - left + 2 * margin, round((bottom - top) * _CARD_RATIO)) // 2
    middle = (left + right) // 2
    return max(0, middle - half), top, min(width, middle + half), bottom
