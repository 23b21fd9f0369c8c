"""What a person may do through the API: scopes, which follow from the groups she is in."""

from typing import Any, Final

from django.contrib.auth.models import AnonymousUser, User
from rest_framework.permissions import BasePermission
from rest_framework.request import Request

READER: Final = "reader"
APPROVER: Final = "approver"
CURATOR: Final = "curator"

CLAIM: Final = "scope"
"""The claim of a token: scopes separated by spaces (RFC 9068)."""

_ALL: Final = frozenset({READER, APPROVER, CURATOR})
_BY_GROUP: Final = {
    "Revisores": frozenset({READER, APPROVER}),
    "Curadores": frozenset({READER, CURATOR}),
    "Leitores": frozenset({READER}),
}


def scopes_of(user: User | AnonymousUser) -> frozenset[str]:
    """The scopes of `user` by her groups at this moment."""
    if not user.is_active:
        return frozenset()
    if user.is_superuser:
        return _ALL
    names = user.groups.values_list("name", flat=True)
    return frozenset().union(*(_BY_GROUP.get(name, frozenset()) for name in names))


class _HasScope(BasePermission):
    """The token must carry the scope, and the groups must still grant it.

    A token outlives a change of groups by its own lifetime: what was taken away is gone at once.
    """

    scope: str

    def has_permission(self, request: Request, view: Any) -> bool:
        """Whether the request may go on; without a token (admin session) the groups decide."""
        token: Any = request.auth
        if token is not None and self.scope not in token.get(CLAIM, "").split():
            return False
        return self.scope in scopes_of(request.user)


class Reader(_HasScope):
    """May search, and see catalogue and cases."""

    scope = READER


class Approver(_HasScope):
    """May decide cases."""

    scope = APPROVER
