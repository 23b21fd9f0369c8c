"""Fetch an uploaded file: Jotform's rules about keys and log-in pages over the guarded download.

A form may "require log-in to view uploaded files". Then a file is given only for the API key: in
the header, or, where the header isn't taken, in the query. Both go to Jotform's own hosts alone.
"""

import re
from dataclasses import dataclass, field
from urllib.parse import quote, urlsplit

from django.conf import settings

from raiox.common.http import (
    Deadline,
    DownloadFailed,
    Fetched,
    FetchError,
    Policy,
    SecretHeaders,
    Target,
    fetch,
    normalise,
    origin_of,
)
from raiox.common.measures import stage

_JOTFORM = re.compile(r"https://([a-z0-9-]+\.)*jotform\.com")
_LOGIN_PATH = re.compile(r"/(log-?in|sign-?in)(\.\w+)?(/|$)", re.IGNORECASE)
_LOGIN_STATUSES = frozenset({401, 403, 404})
_HTML_TYPES = frozenset({"text/html", "application/xhtml+xml"})
# Atomic and possessive: a file of comments must not make this try every way to split them.
_HTML_START = re.compile(
    rb"(\xef\xbb\xbf)?(?>\s+|<!--.*?-->)*+<(!doctype\s+html|html)\b", re.I | re.S
)
_HTML_NAME = re.compile(r"\.x?html?$", re.IGNORECASE)
_LOOK_AT = 4096


class LoginRequired(FetchError):
    """Jotform keeps the file behind its log-in: no API key is set, or it was not accepted.

    `status` is the HTTP status where that said so, not a page.
    """

    reason = "login_required"

    def __init__(self, message: str, status: int | None = None) -> None:
        super().__init__(message)
        self.status = status


@dataclass(frozen=True)
class FileSource:
    """Where files may come from, and the key for those that are Jotform's own.

    `api_origin` is the origin of the API in use: besides `https://*.jotform.com` the only place the
    key goes to (enterprise hosts, the sandbox).
    """

    policy: Policy
    api_key: str = field(default="", repr=False)
    api_origin: str = ""

    def is_own(self, target: Target) -> bool:
        return target.origin == self.api_origin or bool(_JOTFORM.fullmatch(target.origin))

    def is_upload(self, target: Target) -> bool:
        return self.is_own(target) and "/uploads/" in target.path

    @property
    def secret(self) -> SecretHeaders | None:
        return SecretHeaders({"APIKEY": self.api_key}, self.is_own) if self.api_key else None


def source_from_settings() -> FileSource:
    """The source of this installation, read anew at each call."""
    return FileSource(
        policy=Policy(
            hosts=tuple(settings.JOTFORM_FILE_HOSTS),
            extra_origins=tuple(settings.DOWNLOAD_EXTRA_ORIGINS),
        ),
        api_key=settings.JOTFORM_API_KEY,
        api_origin=origin_of(settings.JOTFORM_API_URL),
    )


@stage("download")
def download_file(url: str, *, source: FileSource) -> Fetched:
    """The bytes of an uploaded file; what they are is for the image validation to say.

    Raises LoginRequired, HostNotAllowed, TooLarge or DownloadFailed (all FetchError, with `reason`
    and `transient`). Both attempts, header and query, share the policy's one deadline.
    """
    deadline = Deadline(source.policy.seconds)
    try:
        return _attempt(url, source, deadline)
    except LoginRequired:
        # A foreign address may lead to Jotform's wall, too; the key isn't for that one.
        if not source.api_key or not source.is_own(source.policy.check(url)):
            raise
    try:
        return _attempt(_with_key(url, source.api_key), source, deadline)
    except LoginRequired as error:
        raise _judged_with_key(error) from None


def _attempt(url: str, source: FileSource, deadline: Deadline) -> Fetched:
    hops = [source.policy.check(url)]

    def follow(at: Target, to: str) -> None:
        _judge_redirect(at, to, source)
        hops.append(source.policy.check(to))

    try:
        fetched = fetch(
            url, policy=source.policy, secret=source.secret, on_redirect=follow, deadline=deadline
        )
    except DownloadFailed as error:
        # Only the upload's own address speaks of log-ins; behind it a 403 is a stale signature.
        if error.status in _LOGIN_STATUSES and source.is_upload(hops[-1]):
            raise LoginRequired(f"{hops[-1].host} answered {error.status}", error.status) from None
        raise
    if source.is_own(hops[-1]) and _is_login_page(fetched):
        raise LoginRequired(f"{hops[-1].host} answered with a log-in page")
    return fetched


def _judged_with_key(error: LoginRequired) -> FetchError:
    """Without a key a 404 means a log-in wall; when both ways of giving one end there, the file is
    gone (or belongs to another account, which looks the same)."""
    if error.status != 404:
        return error
    return DownloadFailed("not found, with the API key too", transient=False, status=404)


def _with_key(url: str, key: str) -> str:
    clean = normalise(url)
    return f"{clean}{'&' if '?' in clean else '?'}apiKey={quote(key, safe='')}"


def _judge_redirect(at: Target, to: str, source: FileSource) -> None:
    """Recognise the way to the log-in page before its host is judged, and keep the key at home:
    a server may copy the query it was asked with into the address it sends us to."""
    if source.is_own(at) and _LOGIN_PATH.search(urlsplit(to).path):
        raise LoginRequired(f"{at.host} redirects to its log-in page")
    carries_key = bool(source.api_key) and source.api_key in to
    if carries_key and not source.is_own(source.policy.check(to)):
        raise DownloadFailed(f"{at.host} redirects elsewhere with the API key", transient=False)


def _is_login_page(fetched: Fetched) -> bool:
    """Tell a page of Jotform's own from an HTML file that somebody named `.jpg`.

    Words can't tell them apart, they come in any language; what the server declares can. A file is
    declared by its name (image/jpeg) or as octet-stream, whatever its bytes are. HTML that is
    declared as HTML under a name that isn't is a page in the place of the file, and in the place of
    an upload Jotform shows its log-in. An upload really named `.html` is handed on as the file.
    """
    return (
        fetched.content_type in _HTML_TYPES
        and bool(_HTML_START.match(fetched.data[:_LOOK_AT]))
        and not _HTML_NAME.search(fetched.final_url)
    )
