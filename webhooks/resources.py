"""What Jotform's API gives, as frozen values; raises KeyError, TypeError or ValueError on shapes
that can't be what was asked for. PHP writes an empty map, or one keyed 0, 1, 2, as a list."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any, Self


@dataclass(frozen=True)
class JotformAnswer:
    """One question of a submission. `answer` is as Jotform gives it: a string, a list (files), a
    dict (sub-fields such as first and last), or None when unanswered."""

    qid: str
    name: str
    type: str
    answer: str | list[Any] | dict[str, Any] | None = field(repr=False)

    @classmethod
    def from_content(cls, qid: str, content: Mapping[str, Any]) -> Self:
        """From `{"name", "type", "answer"?}`; a number is given as its text."""
        answer = content.get("answer")
        if answer is not None and not isinstance(answer, str | list | dict):
            answer = str(answer)
        return cls(qid, _text(content, "name"), _text(content, "type"), answer)


@dataclass(frozen=True)
class JotformSubmission:
    """A submission; `answers` by qid. Times are Jotform's text, their time zone is not known."""

    id: str
    form_id: str
    status: str
    created_at: str
    updated_at: str
    ip: str = field(repr=False)
    answers: Mapping[str, JotformAnswer] = field(repr=False)

    @classmethod
    def from_content(cls, content: Mapping[str, Any]) -> Self:
        """From the content of `/submission/{id}` or one row of a form's list."""
        answers = keyed(content.get("answers") or {})
        return cls(
            id=str(content["id"]),
            form_id=str(content["form_id"]),
            status=_text(content, "status"),
            created_at=_text(content, "created_at"),
            updated_at=_text(content, "updated_at"),
            ip=_text(content, "ip"),
            answers={qid: JotformAnswer.from_content(qid, row) for qid, row in answers.items()},
        )


@dataclass(frozen=True)
class JotformQuestion:
    """A question of a form; `type` such as `control_fileupload`, `text` its label, `order` its
    place on the page."""

    qid: str
    name: str
    text: str
    type: str
    order: int

    @classmethod
    def from_content(cls, qid: str, content: Mapping[str, Any]) -> Self:
        """From one value of `/form/{id}/questions`."""
        return cls(
            qid=_text(content, "qid") or qid,
            name=_text(content, "name"),
            text=_text(content, "text"),
            type=_text(content, "type"),
            order=int(content.get("order") or 0),
        )


def submissions_of(content: Any) -> list[JotformSubmission]:
    """The rows of `/form/{id}/submissions`."""
    return [JotformSubmission.from_content(row) for row in keyed(content).values()]


def questions_of(content: Any) -> list[JotformQuestion]:
    """The questions in the order of the page."""
    found = [JotformQuestion.from_content(qid, row) for qid, row in keyed(content).items()]
    return sorted(found, key=lambda question: question.order)


def webhooks_of(content: Any) -> dict[str, str]:
    """URLs by index."""
    return {index: str(url) for index, url in keyed(content).items()}


def keyed(content: Any) -> dict[str, Any]:
    """A map from PHP with its keys as text, whichever way it was written."""
    if isinstance(content, list):
        return {str(index): value for index, value in enumerate(content)}
    if isinstance(content, dict):
        return {str(key): value for key, value in content.items()}
    raise TypeError("neither a map nor a list")


def _text(content: Mapping[str, Any], name: str) -> str:
    value = content.get(name)
    return "" if value is None else str(value)
