"""The state of the stand-in, in its own SQLite file.

Managers and keys are spelled out for mypy, whose Django plugin knows the product's apps only.
"""
# ruff: noqa: DJ008 - nobody prints these rows: there is no admin here.

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar
from urllib.parse import quote
from zoneinfo import ZoneInfo

from django.db import models

from tests.sandbox.config import options

if TYPE_CHECKING:
    from django.db.models.fields.related_descriptors import RelatedManager

# Jotform writes its times without a zone; its day ends at midnight there.
EASTERN = ZoneInfo("America/New_York")
TIME_FORMAT = "%Y-%m-%d %H:%M:%S"

Answer = str | dict[str, str]


def jotform_time(moment: datetime) -> str:
    return moment.astimezone(EASTERN).strftime(TIME_FORMAT)


@dataclass(frozen=True)
class Question:
    qid: str
    name: str
    text: str
    type: str
    order: str = "0"
    required: str = "No"
    hidden: str = "No"
    hint: str = ""

    @property
    def input_name(self) -> str:
        """The name in the page and in rawRequest: `q4_email`."""
        return f"q{self.qid}_{self.name}"

    @property
    def is_upload(self) -> bool:
        return self.type == "control_fileupload"

    @property
    def is_fullname(self) -> bool:
        return self.type == "control_fullname"

    @property
    def is_asked(self) -> bool:
        return self.hidden != "Yes" and self.type not in ("control_head", "control_button")


class Form(models.Model):
    objects: "ClassVar[models.Manager[Form]]"
    submissions: "ClassVar[RelatedManager[Submission]]"
    webhooks: "ClassVar[RelatedManager[Webhook]]"

    id = models.CharField(primary_key=True, max_length=20)
    title = models.CharField(max_length=200)
    owner = models.CharField(max_length=50, default="clinica")
    questions: Any = models.JSONField()

    @property
    def all_questions(self) -> list[Question]:
        return [Question(**question) for question in self.questions]

    @property
    def upload_questions(self) -> list[Question]:
        return [question for question in self.all_questions if question.is_upload]

    @property
    def result_question(self) -> Question | None:
        """The text area we fill: nobody is asked it."""
        hidden = (q for q in self.all_questions if q.hidden == "Yes")
        return next((q for q in hidden if q.type == "control_textarea"), None)

    def question(self, key: str) -> Question:
        """By qid or by name; KeyError when the form has no such question."""
        for question in self.all_questions:
            if key in (question.qid, question.name):
                return question
        raise KeyError(key)


class Webhook(models.Model):
    objects: "ClassVar[models.Manager[Webhook]]"

    form = models.ForeignKey(Form, models.CASCADE, related_name="webhooks")
    url = models.TextField()
    # Replaced when the program is started with another address, so old tokens don't pile up.
    from_start = models.BooleanField(default=False)

    class Meta:
        ordering = ["id"]


class Submission(models.Model):
    objects: "ClassVar[models.Manager[Submission]]"
    uploads: "ClassVar[RelatedManager[Upload]]"
    deliveries: "ClassVar[RelatedManager[Delivery]]"
    form_id: str

    id = models.CharField(primary_key=True, max_length=20)
    form = models.ForeignKey(Form, models.CASCADE, related_name="submissions")
    ip = models.CharField(max_length=45)
    created_at = models.DateTimeField(db_index=True)
    updated_at = models.DateTimeField(null=True)
    status = models.CharField(max_length=10, default="ACTIVE")
    new = models.CharField(max_length=1, default="1")
    flag = models.CharField(max_length=1, default="0")
    # Texts and names by qid; uploads are rows of their own.
    answers: Any = models.JSONField(default=dict)

    class Meta:
        ordering = ["-created_at", "-id"]

    def uploads_of(self, question: Question) -> "list[Upload]":
        return [upload for upload in self.uploads.all() if upload.qid == question.qid]

    @property
    def result(self) -> str:
        question = self.form.result_question
        return self.answers.get(question.qid, "") if question else ""


class Upload(models.Model):
    objects: "ClassVar[models.Manager[Upload]]"
    submission_id: str

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="uploads")
    qid = models.CharField(max_length=10)
    name = models.CharField(max_length=255)

    class Meta:
        ordering = ["id"]
        constraints = [
            models.UniqueConstraint(fields=["submission", "name"], name="unique_file_name")
        ]

    @property
    def file(self) -> Path:
        return options().files / self.submission_id / str(self.pk)

    @property
    def url(self) -> str:
        form = self.submission.form
        path = f"/uploads/{form.owner}/{form.id}/{self.submission_id}/{quote(self.name, safe='')}"
        return options().origin + path


class Delivery(models.Model):
    """One webhook sent, or tried."""

    objects: "ClassVar[models.Manager[Delivery]]"

    class State(models.TextChoices):
        UNDERWAY = "underway"
        ANSWERED = "answered"
        FAILED = "failed"

    submission = models.ForeignKey(Submission, models.CASCADE, related_name="deliveries")
    url = models.TextField()
    reason = models.CharField(max_length=10)
    parts: Any = models.JSONField()
    state = models.CharField(max_length=10, choices=State, default=State.UNDERWAY)
    status = models.IntegerField(null=True)
    answer = models.TextField(default="")
    error = models.TextField(default="")
    started_at = models.DateTimeField(auto_now_add=True)
    milliseconds = models.IntegerField(null=True)

    class Meta:
        ordering = ["id"]


class RequestRecord(models.Model):
    """A request of the product, never with the key: only where the key was."""

    objects: "ClassVar[models.Manager[RequestRecord]]"

    kind = models.CharField(max_length=10)
    at = models.DateTimeField(auto_now_add=True)
    host = models.CharField(max_length=100)
    method = models.CharField(max_length=10)
    path = models.TextField()
    query: Any = models.JSONField()
    fields: Any = models.JSONField()
    key = models.CharField(max_length=10)
    team = models.CharField(max_length=50)
    # Null when the connection was dropped without an answer.
    status = models.IntegerField(null=True)

    class Meta:
        ordering = ["id"]


class SwitchBoard(models.Model):
    objects: "ClassVar[models.Manager[SwitchBoard]]"

    values: Any = models.JSONField(default=dict)
