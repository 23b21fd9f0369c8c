"""The file host: uploads with their log-in wall, and the signed addresses behind it."""

import time
from datetime import timedelta

from django.core.signing import BadSignature, TimestampSigner
from django.http import Http404, HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect
from django.shortcuts import render
from django.urls import reverse
from django.utils.http import urlencode

from tests.sandbox import access, switches
from tests.sandbox.config import options
from tests.sandbox.models import Upload

_signer = TimestampSigner(salt="upload")


def upload(
    request: HttpRequest, owner: str, form_id: str, submission_id: str, name: str
) -> HttpResponse:
    current = switches.read()
    time.sleep(current.slow_seconds)
    found = Upload.objects.filter(
        submission_id=submission_id,
        submission__form_id=form_id,
        submission__form__owner=owner,
        name=name,
    ).first()
    response = _answer(request, found, current)
    access.record(request, "file", response.status_code)
    return response


def _answer(request: HttpRequest, found: Upload | None, current: switches.Switches) -> HttpResponse:
    if current.file_status:
        return HttpResponse(status=current.file_status)
    if current.file_redirect_to:
        return HttpResponseRedirect(current.file_redirect_to)
    if found is None:
        return _not_found(request)
    if access.has_right_key(request):
        return HttpResponseRedirect(_signed_url(found, current))
    if current.login_wall != "off":
        return _wall(request, current.login_wall)
    return _bytes(found)


def _wall(request: HttpRequest, kind: str) -> HttpResponse:
    if kind == "404":
        return _not_found(request)
    if kind == "html":
        return login(request)
    return HttpResponseRedirect(f"{reverse('login')}?{urlencode({'redirect': request.path})}")


def login(request: HttpRequest) -> HttpResponse:
    return render(request, "sandbox/login.html")


def _not_found(request: HttpRequest) -> HttpResponse:
    return render(request, "sandbox/not_found.html", status=404)


def _signed_url(found: Upload, current: switches.Switches) -> str:
    path = reverse("signed", kwargs={"token": _signer.sign(str(found.pk))})
    return (current.signed_origin or options().origin) + path


def signed(request: HttpRequest, token: str) -> HttpResponse:
    """The bytes, to whoever has the address while it is young."""
    response = _unsigned(token)
    access.record(request, "signed", response.status_code)
    return response


def _unsigned(token: str) -> HttpResponse:
    try:
        number = _signer.unsign(token, max_age=timedelta(seconds=switches.read().signed_seconds))
    except BadSignature:
        # An address that has expired is one of these too.
        return HttpResponse("AccessDenied", status=403, content_type="application/xml")
    found = Upload.objects.filter(pk=number).first()
    return _bytes(found) if found else HttpResponse(status=404)


def _bytes(found: Upload) -> HttpResponse:
    """Whatever it is, it is called an octet stream: the receiver must look at the bytes."""
    response = HttpResponse(found.file.read_bytes(), content_type="application/octet-stream")
    response["X-Content-Type-Options"] = "nosniff"
    return response


MAGIC = {
    b"\x89PNG": "image/png",
    b"\xff\xd8\xff": "image/jpeg",
    b"GIF8": "image/gif",
    b"BM": "image/bmp",
}


def picture_type(found: Upload) -> str:
    """The type of a picture that a browser can show; empty for anything else."""
    with found.file.open("rb") as file:
        head = file.read(12)
    if head[:4] == b"RIFF" and head[8:] == b"WEBP":
        return "image/webp"
    return next((kind for magic, kind in MAGIC.items() if head.startswith(magic)), "")


def shown(request: HttpRequest, submission_id: str, number: int) -> HttpResponseBase:
    """A picture for the submission page, whose reader is logged in, so to speak."""
    found = Upload.objects.filter(pk=number, submission_id=submission_id).first()
    if found is None or not picture_type(found):
        raise Http404
    return HttpResponse(found.file.read_bytes(), content_type=picture_type(found))
