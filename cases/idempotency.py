"""A decision that a program sends twice, since it did not hear the answer, is taken once.

The header `Idempotency-Key` as in draft-ietf-httpapi-idempotency-key-header of the IETF. What
is kept is a digest and no answer: an answer holds a patient's name. A repetition is told how the
case stands now.
"""

import hashlib
import json
from datetime import timedelta
from typing import Any, Final

from django.contrib.auth.models import User
from django.utils import timezone
from django.utils.translation import gettext as _
from drf_spectacular.utils import OpenApiParameter
from rest_framework.request import Request

from cases.models import DecisionKey
from raiox.common.api.errors import ApiError

HEADER: Final = "Idempotency-Key"
REPLAYED: Final = "Idempotent-Replayed"
KEPT: Final = timedelta(hours=24)
_LONGEST: Final = 255

PARAMETER: Final = OpenApiParameter(
    HEADER,
    {"type": "string", "minLength": 1, "maxLength": _LONGEST, "pattern": "^[!-~]+$"},
    OpenApiParameter.HEADER,
    description="A value of your own for this decision, such as a UUID. The same request with the "
    "same key within 24 hours decides nothing again and is answered with the case as it stands.",
)


def is_first(request: Request, user: User) -> bool:
    """Whether this request is to be carried out; to be asked in the decision's transaction.

    A second one at the same moment waits for the first and sees whether it was successful: a
    refused decision leaves no key behind. Raises `ApiError` 400 for a key that is none, and 422
    when it was used for something else.
    """
    key = request.headers.get(HEADER)
    if key is None:
        return True
    if not (key.isascii() and key.isprintable() and 0 < len(key) <= _LONGEST and " " not in key):
        message = _("Send an Idempotency-Key of 1 to 255 letters, digits or signs.")
        raise ApiError(400, "invalid_idempotency_key", message)
    digest = _digest(request)
    row, created = DecisionKey.objects.get_or_create(
        user=user, key=key, defaults={"digest": digest}
    )
    if row.digest != digest:
        message = _("This Idempotency-Key was used for another request.")
        raise ApiError(422, "idempotency_key_reused", message)
    return created


def forget_old_keys() -> int:
    """Delete keys that no repetition needs any more; the count."""
    return DecisionKey.objects.filter(created_at__lt=timezone.now() - KEPT).delete()[0]


def _digest(request: Request) -> str:
    """What was asked for, the same however its JSON was spelt."""
    wanted: Any = [request.path, request.data]
    return hashlib.sha256(json.dumps(wanted, sort_keys=True).encode()).hexdigest()
