"""What a person sees: the form, the thanks, and the submissions with their answers."""

from dataclasses import dataclass
from typing import cast
from urllib.parse import urlsplit

from django.core.exceptions import ValidationError
from django.core.files.uploadedfile import UploadedFile
from django.core.validators import validate_email
from django.http import FileResponse, Http404, HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, redirect, render
from django.views.decorators.http import require_POST, require_safe

from tests.sandbox import hosting, outbound, submissions
from tests.sandbox.config import options
from tests.sandbox.forms import standard_form
from tests.sandbox.models import Answer, Delivery, Form, Question, Submission, Upload
from tests.sandbox.payload import flat

REASONS = {"new": "Envio do formulário", "edit": "Edição", "api": "Escrita pela API"}


@dataclass(frozen=True)
class Field:
    """One question on the page, with what was entered and what is wrong with it."""

    question: Question
    value: Answer = ""
    error: str = ""


@dataclass(frozen=True)
class Picture:
    upload: Upload
    visible: bool


@require_safe
def front(request: HttpRequest) -> HttpResponse:
    context = {
        "form": standard_form(),
        "count": Submission.objects.count(),
        "admin_url": f"{options().product_url}/admin/",
    }
    return render(request, "sandbox/front.html", context)


@require_safe
def form_page(request: HttpRequest, form_id: str) -> HttpResponse:
    form = get_object_or_404(Form, pk=form_id)
    return _form_page(request, form, [Field(q) for q in form.all_questions if q.is_asked])


def _form_page(
    request: HttpRequest, form: Form, fields: list[Field], *, status: int = 200
) -> HttpResponse:
    context = {
        "form": form,
        "fields": fields,
        "sample_field": next((field for field in fields if field.question.is_upload), None),
        "samples": submissions.samples(),
        "picked": request.POST.getlist("sample"),
        "failed": any(field.error for field in fields),
    }
    return render(request, "sandbox/form.html", context, status=status)


@require_POST
def submit(request: HttpRequest, form_id: str) -> HttpResponse:
    form = get_object_or_404(Form, pk=form_id)
    asked = [question for question in form.all_questions if question.is_asked]
    try:
        files = _files(request, [question for question in asked if question.is_upload])
    except KeyError as error:
        raise Http404("no such sample") from error
    answers = {q.qid: _entered(request, q) for q in asked if not q.is_upload}
    fields = [Field(q, answers.get(q.qid, ""), _problem(q, answers, files)) for q in asked]
    if any(field.error for field in fields):
        return _form_page(request, form, fields, status=400)
    entry = submissions.Entry({qid: a for qid, a in answers.items() if flat(a)}, files)
    submission = submissions.create(form, entry, request.META["REMOTE_ADDR"])
    outbound.announce(submission, "new")
    return redirect("thanks", submission_id=submission.pk)


def _entered(request: HttpRequest, question: Question) -> Answer:
    name = question.input_name
    if question.is_fullname:
        parts = ("first", "last")
        return {part: request.POST.get(f"{name}[{part}]", "").strip() for part in parts}
    return request.POST.get(name, "").strip()


def _files(request: HttpRequest, questions: list[Question]) -> dict[str, list[submissions.File]]:
    """The samples picked belong to the first upload question; KeyError for one that is none."""
    files = {question.qid: _uploaded(request, question) for question in questions}
    if questions:
        picked = [submissions.sample(name) for name in request.POST.getlist("sample")]
        files[questions[0].qid] = picked + files[questions[0].qid]
    return files


def _uploaded(request: HttpRequest, question: Question) -> list[submissions.File]:
    sent = cast(list[UploadedFile], request.FILES.getlist(f"{question.input_name}[]"))
    return [submissions.File(str(file.name), file.read()) for file in sent]


def _problem(
    question: Question, answers: dict[str, Answer], files: dict[str, list[submissions.File]]
) -> str:
    if question.is_upload:
        missing = question.required == "Yes" and not files[question.qid]
        return "Escolha um exemplo ou envie a sua radiografia." if missing else ""
    value = flat(answers[question.qid])
    if not value:
        return "Este campo é obrigatório." if question.required == "Yes" else ""
    if question.type == "control_email":
        return _email_problem(value)
    return ""


def _email_problem(value: str) -> str:
    try:
        validate_email(value)
    except ValidationError:
        return "Escreva um e-mail válido, por exemplo ana@exemplo.com.br."
    return ""


@require_safe
def thanks(request: HttpRequest, submission_id: str) -> HttpResponse:
    submission = get_object_or_404(Submission, pk=submission_id)
    return render(request, "sandbox/thanks.html", {"submission": submission})


@require_safe
def sample(request: HttpRequest, name: str) -> HttpResponseBase:
    try:
        return FileResponse(submissions.sample_path(name).open("rb"))
    except KeyError as error:
        raise Http404("no such sample") from error


@require_safe
def submission_list(request: HttpRequest) -> HttpResponse:
    rows = Submission.objects.select_related("form").prefetch_related("uploads")[:200]
    cards = [
        {
            "submission": row,
            "names": _texts(row, "control_fullname"),
            "details": _texts(row, "control_textbox", labelled=True),
            "result": row.result,
            "picture": next((p.upload for p in _pictures(row) if p.visible), None),
        }
        for row in rows
    ]
    return render(request, "sandbox/submissions.html", {"cards": cards})


@require_safe
def submission_page(request: HttpRequest, submission_id: str) -> HttpResponse:
    submission = get_object_or_404(Submission, pk=submission_id)
    context = {
        "submission": submission,
        "result": submission.result,
        "answers": _shown_answers(submission),
        "pictures": _pictures(submission),
        "deliveries": [_shown_delivery(d) for d in submission.deliveries.all()],
        "trouble": "" if submission.result else _trouble(submission),
    }
    return render(request, "sandbox/submission.html", context)


def _texts(submission: Submission, kind: str, *, labelled: bool = False) -> str:
    found = [
        (question.text, flat(submission.answers.get(question.qid, "")))
        for question in submission.form.all_questions
        if question.type == kind
    ]
    return " · ".join(f"{text} {value}" if labelled else value for text, value in found if value)


def _shown_answers(submission: Submission) -> list[tuple[str, str]]:
    asked = (q for q in submission.form.all_questions if q.is_asked and not q.is_upload)
    return [(q.text, flat(submission.answers.get(q.qid, ""))) for q in asked]


def _pictures(submission: Submission) -> list[Picture]:
    return [Picture(u, bool(hosting.picture_type(u))) for u in submission.uploads.all()]


def _trouble(submission: Submission) -> str:
    """Why nobody may be working on an answer."""
    last = submission.deliveries.last()
    if last is None:
        return "Nenhum aviso (webhook) foi enviado: o formulário não tem endereço registrado."
    if last.state == Delivery.State.FAILED:
        return "O último aviso (webhook) não foi aceito. Veja os detalhes em Bastidores."
    return ""


def _shown_delivery(delivery: Delivery) -> dict[str, object]:
    """Without the path of the address: the product's secret is in it."""
    address = urlsplit(delivery.url)
    outcome = {
        Delivery.State.UNDERWAY: "enviando…",
        Delivery.State.ANSWERED: f"entregue ({delivery.status})",
        Delivery.State.FAILED: f"falhou ({delivery.status or delivery.error})",
    }
    return {
        "started_at": delivery.started_at,
        "reason": REASONS[delivery.reason],
        "target": f"{address.scheme}://{address.netloc}/…",
        "outcome": outcome[Delivery.State(delivery.state)],
        "state": delivery.state,
        "milliseconds": delivery.milliseconds,
    }
