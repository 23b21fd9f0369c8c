"""All implants by name, for the field in which a reviewer finds any of them by typing."""

from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, JsonResponse
from django.views.decorators.http import require_safe

from implants.models import Implant


@require_safe
def catalogue(request: HttpRequest) -> JsonResponse:
    """`{"implants": [[id, manufacturer, name, aliases, is_demo], …]}`, in the catalogue's order.

    Names alone, a few hundred systems: the page searches them itself, without a wait.
    """
    if not request.user.has_perm("cases.decide_case"):
        raise PermissionDenied
    rows = Implant.objects.values_list("pk", "manufacturer__name", "name", "aliases", "is_demo")
    return JsonResponse({"implants": [list(row) for row in rows]})
