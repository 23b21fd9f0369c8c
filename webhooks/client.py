"""Jotform's API: typed calls and typed errors; nothing of HTTP gets out of this module.

The key travels in a header and only to the origin of JOTFORM_API_URL; redirects are not followed.
Sources: Jotform's API documentation and what public integrations report of it.
"""

import json
import logging
import re
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any, TypeVar
from urllib.parse import urlencode, urlsplit

from django.conf import settings

from raiox.common.http import Deadline, FetchError, Policy, exchange, origin_of
from webhooks.envelope import Envelope
from webhooks.errors import (
    Call,
    JotformError,
    NotConfigured,
    Permanent,
    ReadOnlyKey,
    Transient,
    Unauthorized,
)
from webhooks.resources import (
    JotformQuestion,
    JotformSubmission,
    questions_of,
    submissions_of,
    webhooks_of,
)

logger = logging.getLogger(__name__)

Parsed = TypeVar("Parsed")

_SECONDS = 30.0
_MAX_BYTES = 16 * 1024 * 1024
_PAGE = 200
# Nobody says in whose time zone `created_at` is; the westernmost is UTC-12.
_ZONE_SLACK = timedelta(hours=12)
_SECRET_LENGTH = 12
_ID = re.compile(r"[0-9]{1,25}")
_KEY = re.compile(r"[\x21-\x7e]{8,}")


@dataclass
class JotformClient:
    """Talks to one account. Made for one job, not shared between threads.

    `last_call` is the latest request, for the caller's records; errors carry theirs as `call`.
    """

    api_key: str = field(repr=False)
    policy: Policy = field(repr=False)
    base_url: str = "https://api.jotform.com"
    team_id: str = ""
    last_call: Call | None = field(default=None, init=False)

    def __post_init__(self) -> None:
        if not _KEY.fullmatch(self.api_key):
            raise NotConfigured("JOTFORM_API_KEY is missing, or not what a key looks like")

    def get_submission(self, submission_id: str) -> JotformSubmission:
        """One submission with its answers. An unknown one, or one of another account, is
        Unauthorized: Jotform says 401."""
        path = f"/submission/{_id(submission_id)}"
        return self._get(path, JotformSubmission.from_content)

    def update_answer(self, submission_id: str, qid: str, text: str) -> Call:
        """Write a text into one question; all others stay as they are. Not for upload questions.

        After Transient the text may have been written: read before repeating.
        """
        path = f"/submission/{_id(submission_id)}"
        return self._write("POST", path, {f"submission[{_id(qid)}]": text}, readable=path)

    def get_questions(self, form_id: str) -> list[JotformQuestion]:
        """The questions of a form in the order of the page."""
        return self._get(f"/form/{_id(form_id)}/questions", questions_of)

    def list_webhooks(self, form_id: str) -> dict[str, str]:
        """URLs by index. An index is good until the list changes."""
        return self._get(_webhooks_path(form_id), webhooks_of)

    def add_webhook(self, form_id: str, url: str) -> bool:
        """Register a webhook; False when the form has it already."""
        if url in self.list_webhooks(form_id).values():
            return False
        path = _webhooks_path(form_id)
        self._write("POST", path, {"webhookURL": url}, readable=path, hidden=_parts_to_hide(url))
        return True

    def delete_webhook(self, form_id: str, url: str) -> bool:
        """Remove a webhook, found by its URL; False when the form doesn't have it."""
        path = _webhooks_path(form_id)
        places = [index for index, known in self.list_webhooks(form_id).items() if known == url]
        # Those behind a deleted one may move up: from the end.
        for index in sorted(places, key=int, reverse=True):
            one = f"{path}/{_id(index)}"
            self._write("DELETE", one, None, readable=path, hidden=_parts_to_hide(url))
        return bool(places)

    def list_submissions(
        self, form_id: str, *, created_after: datetime
    ) -> Iterator[JotformSubmission]:
        """Submissions created after an aware moment, page by page, each once.

        Brings older ones too (up to a day): the time zone of `created_at` is unknown, so the window
        is wide, and the caller must know what it has.
        """
        since = (created_after.astimezone(UTC) - _ZONE_SLACK).strftime("%Y-%m-%d %H:%M:%S")
        seen: set[str] = set()
        for page in count():
            found = self._get(_submissions_path(form_id, since, page * _PAGE), submissions_of)
            fresh = [submission for submission in found if submission.id not in seen]
            yield from fresh
            seen.update(submission.id for submission in fresh)
            if len(found) < _PAGE or not fresh:
                return

    def _get(self, path: str, parse: Callable[[Any], Parsed]) -> Parsed:
        answer, call = self._send("GET", path)
        content = answer.content(call)
        try:
            return parse(content)
        except (KeyError, TypeError, ValueError, AttributeError):
            raise Transient("the content of Jotform's answer has another shape", call) from None

    def _write(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None,
        *,
        readable: str,
        hidden: tuple[str, ...] = (),
    ) -> Call:
        """A refused write alone doesn't say why: if `readable` can be read, it is the key."""
        answer, call = self._send(method, path, form, hidden)
        try:
            answer.content(call)
        except Unauthorized as refused:
            if answer.code != 401 or not self._can_read(readable):
                raise
            raise ReadOnlyKey(f"this API key may read but not write. {refused}", call) from None
        return call

    def _can_read(self, path: str) -> bool:
        try:
            answer, _ = self._send("GET", path)
        except JotformError:
            return False
        return answer.code == 200

    def _send(
        self,
        method: str,
        path: str,
        form: Mapping[str, str] | None = None,
        hidden: tuple[str, ...] = (),
    ) -> tuple[Envelope, Call]:
        """One request, and the record of it. Raises Transient or Permanent without an answer."""
        started = time.monotonic()
        try:
            answer = self._exchange(method, path, form, hidden)
        except FetchError as error:
            call = self._record(method, path, started, None)
            kind = Transient if error.transient else Permanent
            raise kind(f"no answer from Jotform: {error}", call) from None
        return answer, self._record(method, path, started, answer)

    def _exchange(
        self, method: str, path: str, form: Mapping[str, str] | None, hidden: tuple[str, ...]
    ) -> Envelope:
        headers = {"APIKEY": self.api_key, "Accept": "application/json"}
        if self.team_id:
            headers["jf-team-id"] = self.team_id
        if form is not None:
            headers["Content-Type"] = "application/x-www-form-urlencoded"
        with exchange(
            method,
            self.policy.check(self.base_url.rstrip("/") + path),
            headers=headers,
            body=None if form is None else urlencode(form).encode(),
            deadline=Deadline(self.policy.seconds),
            ssl_context=self.policy.ssl_context,
        ) as incoming:
            raw = incoming.read(self.policy.max_bytes)
            return Envelope(incoming.status, incoming.headers, raw, (self.api_key, *hidden))

    def _record(self, method: str, path: str, started: float, answer: Envelope | None) -> Call:
        self.last_call = call = Call(
            method=method,
            path=path.partition("?")[0],
            status=answer.status if answer else None,
            duration_ms=round((time.monotonic() - started) * 1000),
            body=answer.excerpt if answer else "",
        )
        fields = {"method": method, "status": call.status, "duration_ms": call.duration_ms}
        logger.info("jotform_call", extra={**fields, "path": call.path})
        return call


def client_from_settings() -> JotformClient:
    """The client of this installation. Raises NotConfigured without a key."""
    origin = origin_of(settings.JOTFORM_API_URL)
    policy = Policy(
        hosts=(urlsplit(origin).hostname or "",),
        extra_origins=tuple(settings.DOWNLOAD_EXTRA_ORIGINS),
        max_bytes=_MAX_BYTES,
        # A write that has not gone out when this process is taken for dead must not go out later.
        seconds=min(_SECONDS, 0.75 * settings.WORKER_STALLED_SECONDS),
    )
    return JotformClient(
        api_key=settings.JOTFORM_API_KEY,
        policy=policy,
        base_url=settings.JOTFORM_API_URL,
        team_id=settings.JOTFORM_TEAM_ID,
    )


def _id(text: str) -> str:
    """Ids come from outside and go into paths: digits only."""
    if not _ID.fullmatch(text):
        raise Permanent("not an id of Jotform's")
    return text


def _webhooks_path(form_id: str) -> str:
    return f"/form/{_id(form_id)}/webhooks"


def _submissions_path(form_id: str, since: str, offset: int) -> str:
    query = {
        "limit": _PAGE,
        "offset": offset,
        "orderby": "created_at",
        "filter": json.dumps({"created_at:gt": since}),
    }
    return f"/form/{_id(form_id)}/submissions?{urlencode(query)}"


def _parts_to_hide(url: str) -> tuple[str, ...]:
    """Our webhook's address carries its secret last: hide both, however the rest is written."""
    return tuple(part for part in (url, url.rpartition("/")[2]) if len(part) >= _SECRET_LENGTH)
