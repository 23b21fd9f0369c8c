"""The words of the keys on a case's page, for its help and for its script, which holds none."""

from django.utils.translation import gettext as _


def key_texts() -> dict[str, dict[str, str]]:
    """`keys` by what they do, the `groups` of the help, and `names` of keys that have one."""
    return {
        "groups": {
            "finding": _("The implant in work"),
            "case": _("The case"),
            "queue": _("The queue"),
            "page": _("This page"),
        },
        "keys": {
            "choose": _("choose the candidate"),
            "probable": _("probable or identified"),
            "none": _("none of these: not in the catalogue"),
            "unidentifiable": _("not identifiable"),
            "find": _("find any implant of the catalogue"),
            "previousFinding": _("previous implant on the film"),
            "nextFinding": _("next implant on the film"),
            "approve": _("approve: shows the answer, then asks"),
            "reject": _("reject: asks for the reason"),
            "postpone": _("put off: asks until when"),
            "undo": _("undo the last decision: asks first"),
            "next": _("next waiting case"),
            "previous": _("previous waiting case"),
            "help": _("all keys"),
        },
        "names": {
            " ": _("Space"),
            "Escape": _("Esc"),
            "Enter": _("Enter"),
            "ArrowLeft": "←",
            "ArrowRight": "→",
            "ArrowUp": "↑",
            "ArrowDown": "↓",
        },
    }
