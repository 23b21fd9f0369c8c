"""A submission as the rest of the service sees it; the only place that knows Jotform's payloads."""

import hashlib
import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit

from raiox.common.http import FetchError, normalise
from webhooks.body import storable
from webhooks.models import InboundEvent, JotformForm

# What a case takes over: the form's column with the question's id, and the longest answer kept.
FIELDS = {
    "dentist_name": ("qid_dentist", 200),
    "dentist_email": ("qid_email", 254),
    "patient": ("qid_patient", 200),
    "tooth": ("qid_tooth", 40),
}
_NAME_PARTS = ("prefix", "first", "middle", "last", "suffix")
Answers = Mapping[str, Any]


class AnswersMissing(Exception):
    """The event does not hold the answers, or not the files' addresses: the API has them."""


@dataclass(frozen=True)
class Submission:
    """What a dentist sent; `digest` tells whether two deliveries say the same.

    `fields` holds what the delivery speaks of, by the names of `FIELDS`: a question that is not
    in it says nothing, an empty answer says that it was cleared. `is_whole`: Jotform's API said it,
    which names every file that there is; of an edit a webhook may name the new ones only.
    """

    form_id: str
    submission_id: str
    fields: Mapping[str, str]
    image_urls: tuple[str, ...]
    digest: str
    is_direct: bool = False
    is_whole: bool = False


def from_event(event: InboundEvent, form: JotformForm, *, must_have_images: bool) -> Submission:
    """Read `event`; raises `AnswersMissing` when only the API knows what was answered.

    With `must_have_images`, an event without any file's address counts as incomplete: Jotform
    sometimes leaves them out.
    """
    if event.kind == InboundEvent.Kind.DIRECT:
        return _direct(event)
    is_whole = event.kind == InboundEvent.Kind.SWEPT
    submission = from_answers(_answers(event), form, event.submission_id, is_whole=is_whole)
    if must_have_images and not submission.image_urls:
        raise AnswersMissing
    return submission


def from_answers(
    answers: Answers, form: JotformForm, submission_id: str, *, is_whole: bool = False
) -> Submission:
    """Map `answers` (by qid) to what they mean on `form`; `is_whole` if Jotform's API told them."""
    answers = storable(dict(answers))
    qids = {name: getattr(form, qid) for name, (qid, _) in FIELDS.items()}
    return Submission(
        form_id=form.form_id,
        submission_id=submission_id,
        fields={
            name: _text(answers[qid])[: FIELDS[name][1]]
            for name, qid in qids.items()
            if qid in answers
        },
        image_urls=_urls(answers.get(form.qid_images)),
        digest=_digest(answers, form),
        is_whole=is_whole,
    )


def file_of(url: str) -> str:
    """By what a file is known again: the API may name another of Jotform's hosts than a webhook."""
    parts = urlsplit(url)
    return f"{parts.path}?{parts.query}"


def without_answers(event: InboundEvent, form: JotformForm) -> Submission:
    """The submission of an event that says no more than its ids."""
    return from_answers({}, form, event.submission_id)


def _answers(event: InboundEvent) -> Answers:
    if event.kind in (InboundEvent.Kind.JSON, InboundEvent.Kind.SWEPT):
        return {qid: _answer(entry) for qid, entry in event.payload["answers"].items()}
    raw = event.payload["rawRequest"]
    if not isinstance(raw, dict):
        raise AnswersMissing
    return _raw_answers(raw)


def _raw_answers(raw: dict[str, Any]) -> Answers:
    """Answers by qid from `rawRequest`, where files hide under the question's bare name."""
    pairs = ((_split_key(key), value) for key, value in raw.items())
    answers = {qid_and_name[0]: value for qid_and_name, value in pairs if qid_and_name}
    files = {qid: raw[name] for qid, name in _upload_names(raw).items() if _urls(raw.get(name))}
    return {**answers, **files}


def _upload_names(raw: dict[str, Any]) -> dict[str, str]:
    """qid to name of the questions that files were sent for."""
    pending = raw.get("temp_upload")
    keys = pending if isinstance(pending, dict) else {}
    return dict(pair for pair in map(_split_key, keys) if pair is not None)


def _split_key(key: str) -> tuple[str, str] | None:
    """`q5_radiografia` as ("5", "radiografia"); None for keys of another form."""
    head, separator, name = key.partition("_")
    if separator and head[:1] == "q" and head[1:].isdigit():
        return head[1:], name
    return None


def _direct(event: InboundEvent) -> Submission:
    """`{"image_url", "client_id", "metadata"}` of older clients: nothing to write back to."""
    url, client = event.payload["image_url"], event.payload.get("client_id")
    return Submission(
        form_id=event.form_id,
        submission_id=event.submission_id,
        fields={"dentist_name": _text(client)[: FIELDS["dentist_name"][1]]},
        image_urls=_urls(url),
        digest=hashlib.sha256(event.submission_id.encode()).hexdigest(),
        is_direct=True,
    )


def _answer(entry: Any) -> Any:
    return entry.get("answer") if isinstance(entry, dict) else entry


def _text(value: Any) -> str:
    """An answer as one line: names come as {"first", "last"}, some answers as lists."""
    if isinstance(value, dict):
        return " ".join(filter(None, (_text(value[part]) for part in _in_order(value))))
    if isinstance(value, list):
        return ", ".join(filter(None, map(_text, value)))
    return "" if value is None else " ".join(str(value).split())


def _in_order(parts: dict[str, Any]) -> list[str]:
    """Sub-fields as people say them: PostgreSQL's jsonb does not keep the order they came in."""
    known = [part for part in _NAME_PARTS if part in parts]
    return known + sorted(part for part in parts if part not in _NAME_PARTS)


def _urls(value: Any) -> tuple[str, ...]:
    """Addresses in an answer (a string or a list), in order, each once, in one spelling."""
    entries = value if isinstance(value, list) else [value]
    urls = (entry.strip() for entry in entries if isinstance(entry, str))
    return tuple(dict.fromkeys(_one_spelling(url) for url in urls if "://" in url))


def _one_spelling(url: str) -> str:
    """Jotform writes the same address with raw spaces or percent-encoded."""
    try:
        return normalise(url)
    except FetchError:
        return url  # the download will refuse it with its reason


def _digest(answers: Answers, form: JotformForm) -> str:
    """SHA-256 of what was answered, without our own result and without empty answers."""
    given = {qid: _normal(value) for qid, value in answers.items() if qid != form.qid_result}
    if form.qid_images in given:
        given[form.qid_images] = list(_urls(answers[form.qid_images]))
    kept = {qid: value for qid, value in given.items() if value not in ("", [], {}, None)}
    return hashlib.sha256(json.dumps(kept, sort_keys=True).encode()).hexdigest()


def _normal(value: Any) -> Any:
    """One form for the same answer: Jotform gives one file as a string or as a list of one."""
    if isinstance(value, list) and len(value) == 1:
        return _normal(value[0])
    return value.strip() if isinstance(value, str) else value
