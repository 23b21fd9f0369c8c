"""Choosing a row of another table by typing a part of its name."""

from collections.abc import Sequence
from typing import Any

from django.contrib.admin.widgets import AutocompleteSelect


class RowSelect(AutocompleteSelect):
    """Django's, which shows a choice that is no number as a fault of the server."""

    def optgroups(self, name: str, value: Sequence[str], attr: Any = None) -> Any:
        """The chosen row; none for what can't be one, which the field itself refuses."""
        return super().optgroups(name, [one for one in value if _may_be_key(str(one))], attr)


def _may_be_key(text: str) -> bool:
    return text.isdecimal() and len(text) < 19
