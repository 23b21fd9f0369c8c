"""The routes of Jotform's API that integrations use, in its envelope.

Where nobody knows what Jotform answers (an unknown question, a webhook registered twice), this
refuses, so that a mistake of the product shows.
"""

import json
import re
import time
from collections.abc import Callable
from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, JsonResponse

from tests.sandbox import access, forms, outbound, submissions, switches
from tests.sandbox.models import (
    EASTERN,
    TIME_FORMAT,
    Answer,
    Form,
    Question,
    Submission,
    Webhook,
    jotform_time,
)
from tests.sandbox.payload import flat

DAILY_LIMIT = 10_000
FIELD = re.compile(r"submission\[(?P<key>\w+)\](?:\[(?P<part>\w+)\])?")
ORDERS = ("id", "created_at", "updated_at", "new", "flag", "status")
LOOKUPS = {"gt": "gt", "gte": "gte", "lt": "lt", "lte": "lte", "eq": "exact", "": "exact"}

Handler = Callable[..., Any]


class ApiError(Exception):
    def __init__(self, status: int, message: str, *, http_status: int | None = None) -> None:
        super().__init__(message)
        self.status, self.message = status, message
        self.http_status = status if http_status is None else http_status


class UnreadableError(Exception):
    """Answer this instead of an envelope."""

    def __init__(self, response: HttpResponse) -> None:
        super().__init__()
        self.response = response


def not_authorized(what: str) -> ApiError:
    """Jotform says the same of a wrong key, an unknown id and somebody else's."""
    return ApiError(401, f"You're not authorized to use (/{what}) ")


def route(what: str, **handlers: Handler) -> Callable[..., HttpResponse]:
    """A view of one path; `handlers` by method in capitals, each answering the content."""

    def view(request: HttpRequest, **ids: str) -> HttpResponse:
        response = _respond(request, what, handlers, ids)
        how = switches.read().hang_after_write
        if how != "off" and request.method != "GET" and response.status_code == 200:
            access.record(request, "api", None)
            return access.hang(request, how)
        access.record(request, "api", response.status_code)
        return response

    return view


def _respond(
    request: HttpRequest, what: str, handlers: dict[str, Handler], ids: dict[str, str]
) -> HttpResponse:
    try:
        _admit(request, what)
        handler = handlers.get(str(request.method))
        if handler is None:
            raise ApiError(405, "Method not allowed")
        return _envelope(200, "success", handler(request, **ids))
    except ApiError as error:
        return _envelope(error.status, error.message, "", http_status=error.http_status)
    except UnreadableError as unreadable:
        return unreadable.response


def _envelope(
    status: int, message: str, content: object, *, http_status: int = 200
) -> HttpResponse:
    left = switches.read().quota_left
    body = {
        "responseCode": status,
        "message": message,
        "content": content,
        "duration": "12.34ms",
        "limit-left": DAILY_LIMIT if left is None else left,
    }
    return JsonResponse(body, status=http_status)


def _admit(request: HttpRequest, what: str) -> None:
    """Everything that can go wrong before the request is looked at."""
    current = switches.read()
    if not request.headers.get("User-Agent"):
        raise ApiError(403, "Forbidden")
    time.sleep(current.slow_seconds)
    if current.fail_next and switches.take_one("fail_next"):
        raise ApiError(current.fail_status, "Failure asked for by the sandbox")
    if current.garbage != "off":
        raise UnreadableError(_garbage(current.garbage))
    if current.error_in_200:
        raise ApiError(current.error_in_200, "An error inside 200", http_status=200)
    if not access.has_right_key(request):
        raise not_authorized(what)
    _spend_quota(current)
    if current.read_only_key and request.method != "GET":
        raise not_authorized(what)


def _garbage(kind: str) -> HttpResponse:
    if kind == "html":
        return HttpResponse("<!doctype html><title>Jotform</title><h1>Be right back</h1>")
    return HttpResponse('{"responseCode":200,"mess', content_type="application/json")


def _spend_quota(current: switches.Switches) -> None:
    if current.quota_left is None or switches.take_one("quota_left"):
        return
    status = {"429": 429, "403": 403, "200": 429}[current.quota_answer]
    http_status = int(current.quota_answer)
    raise ApiError(status, "API-Limit exceeded", http_status=http_status)


# Submissions


def read_submission(request: HttpRequest, submission_id: str) -> dict[str, Any]:
    return submission_content(_submission(submission_id))


def write_submission(request: HttpRequest, submission_id: str) -> dict[str, str]:
    """Only the fields sent change, and all of them or none."""
    submission = _submission(submission_id)
    with transaction.atomic():
        submission.refresh_from_db()
        for name, value in request.POST.items():
            _set_field(submission, name, str(value))
        submissions.touch(submission)
    if switches.read().webhook_on_edit:
        outbound.announce(submission, "api")
    path = f"/submission/{submission.pk}"
    return {"submissionID": submission.pk, "URL": request.build_absolute_uri(path)}


def submission_content(submission: Submission) -> dict[str, Any]:
    updated, current = submission.updated_at, switches.read()
    questions = submission.form.all_questions
    return {
        "id": submission.pk,
        "form_id": submission.form_id,
        "ip": submission.ip,
        "created_at": jotform_time(submission.created_at),
        "updated_at": jotform_time(updated) if updated else None,
        "status": submission.status,
        "new": submission.new,
        "flag": submission.flag,
        "notes": "",
        "answers": {q.qid: _answer(submission, q, current) for q in questions},
    }


def _answer(
    submission: Submission, question: Question, current: switches.Switches
) -> dict[str, Any]:
    """Unanswered questions have no `answer`."""
    shown = {name: getattr(question, name) for name in ("name", "order", "text", "type")}
    urls = [upload.url for upload in submission.uploads_of(question)]
    if urls:
        single = current.upload_answer == "string" and len(urls) == 1
        return {**shown, "answer": urls[0] if single else urls}
    answer: Answer = submission.answers.get(question.qid, "")
    if not answer:
        return shown
    pretty = {"prettyFormat": flat(answer)} if isinstance(answer, dict) else {}
    return {**shown, "answer": answer, **pretty}


def _submission(submission_id: str) -> Submission:
    submission = Submission.objects.filter(pk=submission_id).first()
    if submission is None:
        raise not_authorized("submission-id")
    return submission


def _set_field(submission: Submission, name: str, value: str) -> None:
    match = FIELD.fullmatch(name)
    if match is None:
        return
    key, part = match["key"], match["part"]
    if key in ("new", "flag"):
        setattr(submission, key, value)
        return
    question = _question(submission.form, key)
    if question.is_fullname and part:
        submissions.set_part(submission.answers, question, part, value)
    elif question.is_fullname or part:
        raise ApiError(400, f"Question {key} does not take this shape of answer")
    else:
        submission.answers[question.qid] = value


def _question(form: Form, qid: str) -> Question:
    question = next((q for q in form.all_questions if q.qid == qid), None)
    if question is None:
        raise ApiError(400, f"Question {qid} does not exist")
    if question.is_upload:
        raise ApiError(400, f"Question {qid} is an upload: it takes no text and no URL")
    return question


# Forms


def read_questions(request: HttpRequest, form_id: str) -> dict[str, dict[str, str]]:
    return {q["qid"]: q for q in _form(form_id, "form-id-questions").questions}


def list_submissions(request: HttpRequest, form_id: str) -> list[dict[str, Any]]:
    """Newest first unless `direction=ASC`, 20 unless `limit` says otherwise (at most 1,000)."""
    rows = _form(form_id, "form-id-submissions").submissions.all()
    rows = _filtered(rows, request.GET.get("filter", "{}"))
    order = request.GET.get("orderby", "created_at")
    if order not in ORDERS:
        raise ApiError(400, f"orderby cannot be {order}")
    sign = "" if request.GET.get("direction", "DESC").upper() == "ASC" else "-"
    limit, offset = _number(request, "limit", 20), _number(request, "offset", 0)
    rows = rows.order_by(sign + order, sign + "id")[offset : offset + min(limit, 1000)]
    rows = rows.select_related("form").prefetch_related("uploads")
    return [submission_content(row) for row in rows]


def _number(request: HttpRequest, name: str, default: int) -> int:
    text = request.GET.get(name, str(default))
    if not text.isdecimal():
        raise ApiError(400, f"{name} is not a number")
    return int(text)


def _filtered(rows: QuerySet[Submission], text: str) -> QuerySet[Submission]:
    """`{"created_at:gt": "2026-01-31 12:00:00"}`; several conditions hold together."""
    try:
        for condition, value in json.loads(text).items():
            name, _, operator = condition.partition(":")
            rows = _where(rows, name, operator, str(value))
    except (ValueError, AttributeError) as error:
        raise ApiError(400, f"filter: {error}") from error
    return rows


def _where(
    rows: QuerySet[Submission], name: str, operator: str, value: str
) -> QuerySet[Submission]:
    if name not in ORDERS or operator not in (*LOOKUPS, "ne"):
        raise ValueError(f"{name}:{operator}")
    known = _moment(value) if name in ("created_at", "updated_at") else value
    if operator == "ne":
        return rows.exclude(**{name: known})
    return rows.filter(**{f"{name}__{LOOKUPS[operator]}": known})


def _moment(text: str) -> datetime:
    """A day alone means its first second."""
    full = text if " " in text else f"{text} 00:00:00"
    return datetime.strptime(full, TIME_FORMAT).replace(tzinfo=EASTERN)


def list_webhooks(request: HttpRequest, form_id: str) -> dict[str, str]:
    return _webhooks(_form(form_id, "form-id-webhooks"))


def add_webhook(request: HttpRequest, form_id: str) -> dict[str, str]:
    form = _form(form_id, "form-id-webhooks")
    url = request.POST.get("webhookURL", "")
    if not url.startswith(("http://", "https://")):
        raise ApiError(400, "webhookURL is not an address")
    if not forms.register(form, url):
        raise ApiError(400, "webhookURL is in the list already")
    return _webhooks(form)


def delete_webhook(request: HttpRequest, form_id: str, index: str) -> dict[str, str]:
    """The webhooks behind the deleted one move up: an index is good for one call only."""
    form = _form(form_id, "form-id-webhooks")
    rows: list[Webhook] = list(form.webhooks.all())
    if int(index) >= len(rows):
        raise ApiError(404, "No webhook with this index")
    rows[int(index)].delete()
    return _webhooks(form)


def _webhooks(form: Form) -> dict[str, str]:
    return {str(index): webhook.url for index, webhook in enumerate(form.webhooks.all())}


def _form(form_id: str, what: str) -> Form:
    form = Form.objects.filter(pk=form_id).first()
    if form is None:
        raise not_authorized(what)
    return form
