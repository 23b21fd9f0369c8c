"""Connects a form: which question means what, and the webhook that brings its submissions."""

from collections.abc import Callable, Iterable, Mapping, Sequence
from urllib.parse import urlsplit

from django.conf import settings

from webhooks.models import JotformForm
from webhooks.resources import JotformQuestion

# Meanings as they are named on `JotformForm` (`qid_<meaning>`).
MEANINGS = ("dentist", "email", "patient", "tooth", "images", "result")
REQUIRED = ("images", "result")
_TYPES = {
    "dentist": ("control_fullname", "control_textbox"),
    "email": ("control_email",),
    "patient": ("control_textbox", "control_fullname"),
    "tooth": ("control_textbox", "control_dropdown", "control_number"),
    "images": ("control_fileupload",),
    "result": ("control_textarea",),
}
_WORDS = {
    "dentist": ("dentista", "dentist", "profissional", "doutor", "nome", "name"),
    "email": ("mail",),
    "patient": ("paciente", "patient"),
    "tooth": ("dente", "tooth", "fdi", "elemento"),
    "images": ("radiogra", "raio", "imagem", "image", "rx"),
    "result": ("resultado", "result", "resposta", "answer"),
}
# A form may ask for several names: the words decide there, elsewhere the type alone is enough.
_BY_TYPE_ALONE = ("dentist", "email", "images", "result")


class MappingIncomplete(Exception):
    """A question that the service needs, or that was named by hand, is not on the form."""


def propose_mapping(
    questions: Sequence[JotformQuestion], given: Mapping[str, str] | None = None
) -> dict[str, str]:
    """The qid for each meaning ("" where none fits); what is `given` counts and is not guessed.

    Given as "", a meaning has no question.
    Raises `MappingIncomplete` when the radiographs or the result have no question.
    """
    mapping = dict(given or {})
    named = {qid for qid in mapping.values() if qid}
    unknown = sorted(named - {question.qid for question in questions})
    if unknown:
        raise MappingIncomplete(f"not on the form: question {', '.join(unknown)}")
    for meaning in MEANINGS:
        free = [question for question in questions if question.qid not in mapping.values()]
        if meaning not in mapping:
            mapping[meaning] = _best(meaning, free)
    missing = [meaning for meaning in REQUIRED if not mapping[meaning]]
    if missing:
        raise MappingIncomplete(f"no question found for: {', '.join(missing)}")
    return mapping


def stored_mapping(form_id: str) -> dict[str, str]:
    """The qid for each meaning of a form that is connected ("" where none); else empty."""
    form = JotformForm.objects.filter(form_id=form_id).first()
    mapping = {meaning: str(getattr(form, f"qid_{meaning}", "")) for meaning in MEANINGS}
    return mapping if any(mapping.values()) else {}


def still_true(
    stored: Mapping[str, str], questions: Sequence[JotformQuestion], given: Mapping[str, str]
) -> dict[str, str]:
    """What is kept of a `stored` mapping: somebody may have corrected it by hand.

    That is what the form still asks and `given` says nothing of. A meaning that was left without
    a question stays so, unless the service needs it.
    """
    there = {question.qid for question in questions} - set(given.values())
    return {
        meaning: qid
        for meaning, qid in stored.items()
        if meaning not in given and (qid in there or not (qid or meaning in REQUIRED))
    }


def _best(meaning: str, questions: Sequence[JotformQuestion]) -> str:
    """By type and words, else (where that is safe) the only sensible type, else none."""
    of_type = [question for question in questions if question.type in _TYPES[meaning]]
    first = _TYPES[meaning][0]
    tests: list[Callable[[JotformQuestion], bool]] = [
        lambda question: _speaks_of(question, meaning)
    ]
    if meaning in _BY_TYPE_ALONE:
        tests.append(lambda question: question.type == first)
    for test in tests:
        for question in of_type:
            if test(question):
                return question.qid
    return ""


def _speaks_of(question: JotformQuestion, meaning: str) -> bool:
    text = f"{question.name} {question.text}".lower()
    # "Nome do paciente" is a patient, not a dentist.
    if meaning == "dentist" and any(word in text for word in _WORDS["patient"]):
        return False
    return any(word in text for word in _WORDS[meaning])


def save_form(
    form_id: str, title: str, mapping: Mapping[str, str], *, is_default: bool
) -> JotformForm:
    """Create or update the row of a form; with `is_default` it takes that place over."""
    if is_default:
        JotformForm.objects.filter(is_default=True).exclude(form_id=form_id).update(
            is_default=False
        )
    fields: dict[str, object] = {f"qid_{meaning}": qid for meaning, qid in mapping.items()}
    fields |= {"title": title} if title else {}
    fields |= {"is_default": True} if is_default else {}
    form, _ = JotformForm.objects.update_or_create(form_id=form_id, defaults=fields)
    return form


def webhook_address() -> str:
    """Our webhook's address with the newest token; a secret: never log it."""
    return f"{settings.PUBLIC_URL.rstrip('/')}/webhook/{settings.WEBHOOK_TOKENS[0]}"


def other_services(webhooks: Iterable[str]) -> list[str]:
    """The hosts of other installations of this service that the form feeds already."""
    ours = urlsplit(settings.PUBLIC_URL).netloc
    parts = [urlsplit(url) for url in webhooks]
    hosts = {part.netloc for part in parts if part.path.startswith("/webhook/")}
    return sorted(hosts - {ours})
