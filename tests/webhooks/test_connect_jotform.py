"""Connecting a form, against the stand-in."""

import secrets
from collections.abc import Iterator
from io import StringIO
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from tests.sandbox.process import SandboxProcess
from webhooks.connecting import MEANINGS, MappingIncomplete, propose_mapping
from webhooks.models import JotformForm
from webhooks.resources import JotformQuestion

pytestmark = pytest.mark.django_db


@pytest.fixture
def token(settings: Any) -> str:
    settings.WEBHOOK_TOKENS = [secrets.token_urlsafe()]
    return str(settings.WEBHOOK_TOKENS[0])


@pytest.fixture(autouse=True)
def _clean(sandbox: SandboxProcess) -> Iterator[None]:
    yield
    sandbox.reset(everything=True)


def connect(form_id: str, *options: str) -> str:
    out = StringIO()
    call_command("connect_jotform", form_id, *options, stdout=out)
    return out.getvalue()


def question(qid: str, name: str, type_: str) -> JotformQuestion:
    return JotformQuestion(
        qid=qid, name=name, text=name.title(), type=f"control_{type_}", order=int(qid)
    )


def test_connect_jotform_maps_the_questions_and_registers_the_webhook(
    sandbox: SandboxProcess, token: str
) -> None:
    out = connect(sandbox.form_id, "--default", "--title", "Identificação")
    form = JotformForm.objects.get()
    questions = {q["name"]: q["qid"] for q in sandbox.api("GET", f"/form/{sandbox.form_id}/questions")["content"].values()}  # fmt: skip  # noqa: E501
    assert form.form_id == sandbox.form_id
    assert (form.is_default, form.title) == (True, "Identificação")
    assert form.qid_images == questions["radiografia"]
    assert len({form.qid_dentist, form.qid_email, form.qid_patient, form.qid_tooth, form.qid_images, form.qid_result} - {""}) == 6  # fmt: skip  # noqa: E501
    hooks = sandbox.api("GET", f"/form/{sandbox.form_id}/webhooks")["content"]
    assert [url for url in hooks.values() if url.endswith(f"/webhook/{token}")]
    assert token not in out


def test_connect_jotform_twice_changes_nothing(sandbox: SandboxProcess, token: str) -> None:
    connect(sandbox.form_id)
    assert "already" in connect(sandbox.form_id)
    assert JotformForm.objects.count() == 1


def test_connect_jotform_dry_run_keeps_nothing(sandbox: SandboxProcess, token: str) -> None:
    connect(sandbox.form_id, "--dry-run")
    assert not JotformForm.objects.exists()


def test_connect_jotform_takes_a_mapping_by_hand(sandbox: SandboxProcess, token: str) -> None:
    connect(sandbox.form_id, "--tooth", "6", "--no-webhook")
    form = JotformForm.objects.get()
    assert (form.qid_tooth, form.qid_patient) == ("6", "")


def remapped(sandbox: SandboxProcess, **qids: str) -> JotformForm:
    """The sandbox's form, connected and then corrected in the admin."""
    connect(sandbox.form_id, "--no-webhook")
    JotformForm.objects.update(**{f"qid_{meaning}": qid for meaning, qid in qids.items()})
    return JotformForm.objects.get()


def mapping_of(form: JotformForm) -> dict[str, str]:
    return {meaning: getattr(form, f"qid_{meaning}") for meaning in MEANINGS}


def test_connect_jotform_again_keeps_a_mapping_that_was_corrected(
    sandbox: SandboxProcess, token: str
) -> None:
    """As when the webhook's token is changed: answers go on into the question that was chosen."""
    guessed = mapping_of(remapped(sandbox))
    form = remapped(sandbox, result=guessed["patient"], patient=guessed["tooth"], tooth="")
    corrected = mapping_of(form)

    out = connect(sandbox.form_id)

    form.refresh_from_db()
    assert mapping_of(form) == corrected
    assert out.count("(kept)") == len(MEANINGS)
    hooks = sandbox.api("GET", f"/form/{sandbox.form_id}/webhooks")["content"]
    assert [url for url in hooks.values() if url.endswith(f"/webhook/{token}")]


def test_connect_jotform_proposes_anew_what_the_form_no_longer_asks(
    sandbox: SandboxProcess, token: str
) -> None:
    guessed = mapping_of(remapped(sandbox))
    form = remapped(sandbox, result="99", dentist="98", patient="")

    out = connect(sandbox.form_id)

    form.refresh_from_db()
    assert mapping_of(form) == {**guessed, "patient": ""}
    assert out.count("(kept)") == len(MEANINGS) - 2
    assert "(new; it was question 99)" in out


def test_connect_jotform_guesses_anew_when_it_is_told_to(
    sandbox: SandboxProcess, token: str
) -> None:
    guessed = mapping_of(remapped(sandbox))
    form = remapped(sandbox, patient=guessed["dentist"], dentist="")

    out = connect(sandbox.form_id, "--guess", "--dry-run")
    assert "(new; it was none)" in out
    assert JotformForm.objects.get().qid_dentist == ""

    connect(sandbox.form_id, "--guess")
    form.refresh_from_db()
    assert mapping_of(form) == guessed


def test_connect_jotform_lets_an_option_take_a_question_from_what_is_kept(
    sandbox: SandboxProcess, token: str
) -> None:
    guessed = mapping_of(remapped(sandbox))
    connect(sandbox.form_id, "--tooth", guessed["patient"])
    form = JotformForm.objects.get()
    assert (form.qid_tooth, form.qid_patient) == (guessed["patient"], "")
    assert {meaning: qid for meaning, qid in guessed.items() if meaning not in ("tooth", "patient")}.items() <= mapping_of(form).items()  # fmt: skip  # noqa: E501


def test_connect_jotform_maps_a_form_that_was_only_named_in_the_admin(
    sandbox: SandboxProcess, token: str
) -> None:
    JotformForm.objects.create(form_id=sandbox.form_id, title="Clínica")
    connect(sandbox.form_id)
    form = JotformForm.objects.get()
    assert form.title == "Clínica"
    assert all(mapping_of(form).values())


def test_connect_jotform_refuses_a_question_that_is_not_on_the_form(
    sandbox: SandboxProcess, token: str
) -> None:
    with pytest.raises(CommandError, match="not on the form: question 99"):
        connect(sandbox.form_id, "--tooth", "99")
    assert not JotformForm.objects.exists()


def test_connect_jotform_says_when_the_key_is_refused(
    sandbox: SandboxProcess, token: str, settings: Any
) -> None:
    settings.JOTFORM_API_KEY = secrets.token_hex(16)
    with pytest.raises(CommandError, match="Jotform refuses"):
        connect(sandbox.form_id)
    assert not JotformForm.objects.exists()


def test_connect_jotform_hands_the_default_over(sandbox: SandboxProcess, token: str) -> None:
    JotformForm.objects.create(form_id="1", is_default=True)
    connect(sandbox.form_id, "--default", "--no-webhook")
    assert JotformForm.objects.get(is_default=True).form_id == sandbox.form_id


@pytest.mark.parametrize(
    ("mode", "options", "refusal"),
    [
        ("stage", (), "belongs to raiox.example: give stage a form of its own"),
        ("stage", ("--beside",), "belongs to raiox.example"),
        ("production", (), "feeds raiox.example already"),
        ("production", ("--beside",), None),
    ],
)
def test_connect_jotform_refuses_a_form_of_another_installation(
    sandbox: SandboxProcess,
    token: str,
    settings: Any,
    mode: str,
    options: tuple[str, ...],
    refusal: str | None,
) -> None:
    settings.RAIOX_ENV = mode
    sandbox.register_webhook("https://raiox.example/webhook/another-secret")
    if refusal is None:
        connect(sandbox.form_id, *options)
    else:
        with pytest.raises(CommandError, match=refusal) as refused:
            connect(sandbox.form_id, *options)
        assert "another-secret" not in str(refused.value)
    assert JotformForm.objects.exists() == (refusal is None)


def test_propose_mapping_in_any_order_and_language() -> None:
    mapping = propose_mapping(
        [
            question("2", "result", "textarea"),
            question("4", "patientName", "fullname"),
            question("5", "yourName", "fullname"),
            question("6", "obs", "textarea"),
            question("8", "elemento", "textbox"),
            question("9", "exame", "fileupload"),
        ]
    )
    assert mapping == {
        "dentist": "5", "email": "", "patient": "4", "tooth": "8", "images": "9", "result": "2",
    }  # fmt: skip


def test_propose_mapping_needs_radiographs_and_result() -> None:
    with pytest.raises(MappingIncomplete, match="images, result"):
        propose_mapping([question("3", "nome", "fullname")])
