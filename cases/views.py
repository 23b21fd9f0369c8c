"""Patients' radiographs, for those who may see cases; and what is kept of patients, for all."""

from django.conf import settings
from django.contrib.auth.models import AnonymousUser, User
from django.http import Http404, HttpRequest, HttpResponse
from django.http.response import HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.views.decorators.http import require_safe

from cases.links import read_api_token, read_page_token
from cases.models import CaseImage
from cases.privacy.access import note_film
from cases.privacy.models import AccessRecord
from cases.privacy.retention import ACCESS_RECORDS_KEPT
from implants.pictures import PATIENT, picture_response, thumbnail_response
from raiox.common.api.scopes import READER, scopes_of
from raiox.common.staff import staff_required


@require_safe
@staff_required("cases.view_case")
def case_image(request: HttpRequest, token: str) -> HttpResponseBase:
    """The stored copy of a film, in full."""
    return _film(request, request.user, read_page_token(token))


@require_safe
@staff_required("cases.view_case")
def case_thumbnail(request: HttpRequest, token: str) -> HttpResponseBase:
    """The stored copy of a film, small."""
    image = _stored(read_page_token(token))
    note_film(request.user, image, AccessRecord.What.THUMBNAIL)
    return thumbnail_response(request, image.file, image.sha256, PATIENT)


@require_safe
def api_image(request: HttpRequest, token: str) -> HttpResponseBase:
    """The stored copy of a film, for the reader whom the API gave the link; no log-in."""
    pk, user_pk = read_api_token(token) or (0, 0)
    user = User.objects.filter(pk=user_pk).first()
    if user is None or READER not in scopes_of(user):
        raise Http404
    return _film(request, user, pk)


@require_safe
def privacy(request: HttpRequest) -> HttpResponse:
    """What is kept, why, for how long and where."""
    context = {
        "retention_days": settings.RETENTION_DAYS,
        "access_days": ACCESS_RECORDS_KEPT.days,
        "is_in_bucket": bool(settings.DO_SPACES_BUCKET),
        "region": settings.DO_SPACES_REGION,
        # Their keys are not the web's to know; without copies `check --deploy` complains.
        "has_copies": not settings.IS_DEVELOPMENT,
        "copies_days": settings.BACKUP_DAYS,
        "copies_region": settings.BACKUP_REGION,
        "deleted_films_days": settings.DELETED_OBJECTS_DAYS,
    }
    return render(request, "privacy.html", context)


def _film(request: HttpRequest, user: User | AnonymousUser, pk: int | None) -> HttpResponseBase:
    image = _stored(pk)
    note_film(user, image, AccessRecord.What.FILM)
    return picture_response(request, image.file, image.sha256, PATIENT)


def _stored(pk: int | None) -> CaseImage:
    return get_object_or_404(CaseImage, pk=pk or 0, state=CaseImage.State.STORED)
