"""The body of a webhook, as Jotform writes it, traps included."""

import json
import secrets
import uuid
from typing import Any

from tests.sandbox.models import Answer, Question, Submission
from tests.sandbox.switches import Switches

# Every part Jotform sends; most are empty.
# fmt: off
PARTS = [
    "action", "webhookURL", "username", "formID", "type", "customParams", "product", "formTitle",
    "customTitle", "submissionID", "event", "documentID", "teamID", "subject", "isSilent",
    "customBody", "rawRequest", "fromTable", "appID", "pretty", "unread", "parent", "ip",
]
# fmt: on


def webhook_parts(submission: Submission, url: str, switches: Switches) -> dict[str, str]:
    """The text parts of the multipart body; the files themselves never travel."""
    form = submission.form
    known = {
        "webhookURL": url,
        "username": form.owner,
        "formID": form.id,
        "type": "WEB",
        "formTitle": form.title,
        "submissionID": submission.pk,
        "rawRequest": _php_json(raw_request(submission, switches)),
        "pretty": pretty(submission),
        "ip": submission.ip,
    }
    return {part: known.get(part, "") for part in PARTS}


def raw_request(submission: Submission, switches: Switches) -> dict[str, Any]:
    """Answers are keyed `q{qid}_{name}`, but the URLs of files by the bare `{name}`."""
    form = submission.form
    raw: dict[str, Any] = {"slug": f"submit/{form.id}"}
    raw |= {
        question.input_name: submission.answers[question.qid]
        for question in form.all_questions
        if question.qid in submission.answers
    }
    raw["event_id"] = _event_id(submission)
    with_files = [q for q in form.upload_questions if submission.uploads_of(q)]
    raw["temp_upload"] = {q.input_name: _temporary_names(submission, q) for q in with_files}
    raw["path"] = f"/submit/{form.id}"
    if not switches.missing_file_urls:
        raw |= {q.name: _urls(submission, q, switches) for q in with_files}
    return raw


def pretty(submission: Submission) -> str:
    """`Label:value, Label:value`; values hold commas and colons too, so nobody can split it."""
    said = []
    for question in submission.form.all_questions:
        names = [upload.name for upload in submission.uploads_of(question)]
        value = ", ".join(names) or flat(submission.answers.get(question.qid, ""))
        if value:
            said.append(f"{question.text}:{value}")
    return ", ".join(said)


def flat(answer: Answer) -> str:
    """A name in its parts as one line: `Ana Dias`."""
    if isinstance(answer, dict):
        return " ".join(part for part in answer.values() if part)
    return answer


def _urls(submission: Submission, question: Question, switches: Switches) -> list[str]:
    urls = [upload.url for upload in submission.uploads_of(question)]
    return [url.replace("%20", " ") for url in urls] if switches.raw_spaces else urls


def _temporary_names(submission: Submission, question: Question) -> list[str]:
    return [
        f"{upload.name}#jotformfs-{secrets.token_hex(5)}#{uuid.uuid4()}"
        for upload in submission.uploads_of(question)
    ]


def _event_id(submission: Submission) -> str:
    milliseconds = int(submission.created_at.timestamp() * 1000)
    return f"{milliseconds}_{submission.form_id}_{submission.pk[-7:]}"


def _php_json(value: object) -> str:
    """PHP escapes slashes and everything outside ASCII."""
    return json.dumps(value, separators=(",", ":")).replace("/", "\\/")
