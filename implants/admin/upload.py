"""Takes the radiographs that a curator has chosen and tells what became of each."""

from collections.abc import Iterable

from django.contrib import messages
from django.core.files.uploadedfile import UploadedFile
from django.http import HttpRequest
from django.utils.translation import gettext as _
from django.utils.translation import ngettext

from implants.catalogue import add_reference
from implants.formats import Busy
from implants.models import Implant
from implants.radiograph import MAX_BYTES, RadiographError


def add_uploads(request: HttpRequest, implant: Implant, files: Iterable[UploadedFile]) -> None:
    """Add each file as a reference of `implant`; one that is refused stops none of the others."""
    added = [_add(request, implant, file) for file in files].count(True)
    if added:
        text = ngettext(
            "%(count)d radiograph was added; its vector is being computed.",
            "%(count)d radiographs were added; their vectors are being computed.",
            added,
        )
        messages.success(request, text % {"count": added})


def _add(request: HttpRequest, implant: Implant, file: UploadedFile) -> bool:
    try:
        # One byte beyond the limit is enough to refuse a file.
        created = add_reference(implant, file.read(MAX_BYTES + 1)).created
    except RadiographError as error:
        messages.error(request, f"{file.name}: {error}")
        return False
    except Busy:
        busy = _("The service is busy: try again in a moment.")
        messages.error(request, f"{file.name}: {busy}")
        return False
    if not created:
        messages.warning(
            request, _("%(file)s: this implant has the radiograph already.") % {"file": file.name}
        )
    return created
