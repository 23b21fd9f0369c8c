"""The levers of the tests, as JSON: what goes wrong, what was asked, what was sent."""

import json
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from django.db import transaction
from django.http import HttpRequest, JsonResponse

from tests.sandbox import api, forms, outbound, submissions, switches
from tests.sandbox.config import options
from tests.sandbox.models import (
    Answer,
    Delivery,
    Form,
    Question,
    RequestRecord,
    Submission,
    Webhook,
)

Handler = Callable[..., Any]


def route(**handlers: Handler) -> Callable[..., JsonResponse]:
    def view(request: HttpRequest, **ids: str) -> JsonResponse:
        # We listen on loopback only, but a page of another site in a browser here reaches us too.
        if request.headers.get("Origin", options().origin) != options().origin:
            return JsonResponse({"error": "not from another site"}, status=403)
        handler = handlers.get(str(request.method))
        if handler is None:
            return JsonResponse({"error": "method not allowed"}, status=405)
        return _respond(handler, request, ids)

    return view


def _respond(handler: Handler, request: HttpRequest, ids: dict[str, str]) -> JsonResponse:
    try:
        return JsonResponse(handler(request, **ids), safe=False)
    except ValueError as error:
        return JsonResponse({"error": str(error)}, status=400)
    except KeyError as error:
        return JsonResponse({"error": f"there is no {error}"}, status=400)
    except (Form.DoesNotExist, Submission.DoesNotExist):
        return JsonResponse({"error": "not found"}, status=404)


def overview(request: HttpRequest) -> dict[str, Any]:
    return {
        "form_id": forms.FORM_ID,
        "origin": options().origin,
        "other_origin": options().other_origin,
        "samples": submissions.samples(),
    }


def read_switches(request: HttpRequest) -> dict[str, Any]:
    return asdict(switches.read())


def set_switches(request: HttpRequest) -> dict[str, Any]:
    return asdict(switches.change(_body(request)))


def reset(request: HttpRequest) -> dict[str, Any]:
    """Switches and logs; with `everything`, submissions, other forms and webhooks too."""
    everything = _body(request).get("everything", False)
    with transaction.atomic():
        RequestRecord.objects.all().delete()
        Delivery.objects.exclude(state=Delivery.State.UNDERWAY).delete()
        if everything:
            submissions.delete_all()
            Webhook.objects.all().delete()
            Form.objects.exclude(pk=forms.FORM_ID).delete()
        return asdict(switches.reset())


def list_requests(request: HttpRequest) -> list[dict[str, Any]]:
    """`kind`: `api` (default), `file` (the file host) or `signed` (its signed addresses)."""
    rows = RequestRecord.objects.filter(kind=request.GET.get("kind", "api"))
    return [{**values, "at": values["at"].isoformat()} for values in rows.values()]


def list_webhooks(request: HttpRequest) -> list[dict[str, Any]]:
    rows = Delivery.objects.all()
    if "submission" in request.GET:
        rows = rows.filter(submission_id=request.GET["submission"])
    return [{**row, "started_at": row["started_at"].isoformat()} for row in rows.values()]


def create_form(request: HttpRequest) -> dict[str, Any]:
    body = _body(request)
    form = forms.create_form(str(body.get("title", "Outro formulário")), body["questions"])
    return {"id": form.pk, "questions": form.questions}


def create_submission(request: HttpRequest) -> dict[str, Any]:
    body = _body(request)
    form = Form.objects.get(pk=body.get("form_id", forms.FORM_ID))
    entry = _entry(request, body, form)
    submission = submissions.create(form, entry, body.get("ip", "203.0.113.9"))
    if body.get("webhook", True):
        outbound.announce(submission, "new")
    return _content(submission)


def read_submission(request: HttpRequest, submission_id: str) -> dict[str, Any]:
    return _content(Submission.objects.get(pk=submission_id))


def edit_submission(request: HttpRequest, submission_id: str) -> dict[str, Any]:
    body = _body(request)
    submission = Submission.objects.get(pk=submission_id)
    entry = _entry(request, body, submission.form)
    submissions.edit(submission, entry, replace_files=body.get("replace_files", False))
    if body.get("webhook", True):
        outbound.announce(submission, "edit")
    return _content(Submission.objects.get(pk=submission_id))


def delete_submission(request: HttpRequest, submission_id: str) -> dict[str, Any]:
    """Into the trash, where the API still shows it as DELETED; with `for_good` it is unknown."""
    submission = Submission.objects.get(pk=submission_id)
    if _body(request).get("for_good", False):
        submissions.delete(submission)
    else:
        Submission.objects.filter(pk=submission_id).update(status="DELETED")
    return {}


def _content(submission: Submission) -> dict[str, Any]:
    """As the API shows it, and the result by itself."""
    return {**api.submission_content(submission), "result": submission.result}


def _body(request: HttpRequest) -> dict[str, Any]:
    """JSON, alone or as the part `json` of a multipart body whose files are the uploads."""
    multipart = request.content_type == "multipart/form-data"
    body = json.loads((request.POST.get("json") if multipart else request.body) or "{}")
    if not isinstance(body, dict):
        raise ValueError("the body is no JSON object")
    return body


def _entry(request: HttpRequest, body: dict[str, Any], form: Form) -> submissions.Entry:
    """Fields by qid or name; files by the question's name, `samples` into the first upload."""
    entry = submissions.Entry()
    for key, value in body.get("fields", {}).items():
        question = form.question(key)
        entry.answers[question.qid] = _answer(question, value)
    for name in body.get("samples", []):
        entry.files.setdefault(_first_upload(form), []).append(submissions.sample(name))
    for part, uploaded in request.FILES.lists():
        qid = _first_upload(form) if part == "files" else form.question(part).qid
        made = [submissions.File(str(file.name), file.read()) for file in uploaded]
        entry.files.setdefault(qid, []).extend(made)
    return entry


def _answer(question: Question, value: object) -> Answer:
    if question.is_fullname and isinstance(value, dict):
        return {str(part): str(text) for part, text in value.items()}
    if question.is_fullname or question.is_upload or not isinstance(value, str):
        raise ValueError(f"{question.name} does not take this answer")
    return value


def _first_upload(form: Form) -> str:
    if not form.upload_questions:
        raise ValueError("the form has no upload question")
    return form.upload_questions[0].qid
