"""The help inside the admin: long texts, written once in each language rather than translated."""

import re
from dataclasses import dataclass
from typing import Any, Final

from django.contrib import admin
from django.http import Http404, HttpRequest, HttpResponse
from django.template.loader import render_to_string
from django.template.response import TemplateResponse
from django.utils.functional import Promise
from django.utils.safestring import mark_safe
from django.utils.translation import get_language
from django.utils.translation import gettext_lazy as _

# Page -> its title. The texts are in templates/admin/help/<page>.<language>.html.
PAGES: Final[dict[str, str | Promise]] = {
    "reviewer": _("Reviewing cases"),
    "curator": _("Keeping the catalogue"),
}
LANGUAGES: Final = ("pt-br", "en")
_SECTION = re.compile(r'<section id="([\w-]+)">\s*<h2>(.*?)</h2>')


@dataclass(frozen=True)
class Section:
    """An entry of the table of contents."""

    anchor: str
    title: str


def help_page(request: HttpRequest, page: str = "") -> HttpResponse:
    """One page of help; without a name the one for what this person does."""
    page = page or ("reviewer" if request.user.has_perm("cases.view_case") else "curator")
    if page not in PAGES:
        raise Http404
    text = help_text(page, get_language() or LANGUAGES[0])
    context: dict[str, Any] = {
        **admin.site.each_context(request),
        "title": PAGES[page],
        "pages": PAGES,
        "page": page,
        "text": mark_safe(text),  # noqa: S308  # a template of ours, without anybody's input
        "sections": sections(text),
        "is_nav_sidebar_enabled": False,
    }
    return TemplateResponse(request, "admin/help.html", context)


def help_text(page: str, language: str) -> str:
    """The text of a page; Portuguese where a language has none."""
    known = language if language in LANGUAGES else LANGUAGES[0]
    return render_to_string(f"admin/help/{page}.{known}.html")


def sections(text: str) -> list[Section]:
    """What the text is made of, in its order."""
    return [Section(*found) for found in _SECTION.findall(text)]
