"""The form in use, other forms for the tests, and the webhooks registered on them."""

import secrets
from dataclasses import asdict
from typing import Any

from django.db import transaction

from tests.sandbox.models import Form, Question, Webhook

FORM_ID = "243270000000044"

# The qids are not in the order of the page, as on a form that has been edited.
QUESTIONS = [
    Question("1", "cabecalho", "Identificação de implante", "control_head"),
    Question("3", "nome", "Nome completo do dentista", "control_fullname", required="Yes"),
    Question("4", "email", "E-mail", "control_email", required="Yes"),
    Question("6", "paciente", "Paciente", "control_textbox", hint="Bastam as iniciais"),
    Question(
        "7",
        "dente",
        "Dente",
        "control_textbox",
        hint="Número na notação FDI: 11 a 48",
    ),
    Question(
        "5",
        "radiografia",
        "Radiografia",
        "control_fileupload",
        required="Yes",
        hint="Periapical ou panorâmica em que o implante apareça inteiro.",
    ),
    Question("9", "resultado", "Resultado", "control_textarea", hidden="Yes"),
    Question("2", "enviar", "Enviar", "control_button"),
]


def standard_form() -> Form:
    form, _ = Form.objects.update_or_create(
        pk=FORM_ID,
        defaults={"title": "Identificação de implante", "questions": _ordered(QUESTIONS)},
    )
    return form


def create_form(title: str, questions: list[dict[str, Any]]) -> Form:
    """Another form; ValueError when a question lacks something or a qid or name comes twice."""
    try:
        made = [Question(**question) for question in questions]
    except TypeError as error:
        raise ValueError(f"question: {error}") from error
    for names in ([q.qid for q in made], [q.name for q in made]):
        if len(set(names)) < len(names):
            raise ValueError("a qid or a name comes twice")
    form_id = "24327" + "".join(secrets.choice("0123456789") for _ in range(10))
    return Form.objects.create(id=form_id, title=title, questions=_ordered(made))


def _ordered(questions: list[Question]) -> list[dict[str, str]]:
    return [
        {**asdict(question), "order": str(place)} for place, question in enumerate(questions, 1)
    ]


def register(form: Form, url: str) -> bool:
    """False when the form has this address already."""
    _, created = Webhook.objects.get_or_create(form=form, url=url)
    return created


def register_at_start(form: Form, url: str) -> None:
    with transaction.atomic():
        form.webhooks.filter(from_start=True).exclude(url=url).delete()
        Webhook.objects.get_or_create(form=form, url=url, defaults={"from_start": True})
