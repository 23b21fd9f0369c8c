"""Storing and changing submissions, and the files that come with them."""

import time
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path, PurePosixPath

from django.db import transaction
from django.utils import timezone

from tests.sandbox.config import options
from tests.sandbox.models import Answer, Form, Question, Submission, Upload

PICTURES = {".png", ".jpg", ".jpeg", ".webp", ".bmp", ".gif"}


@dataclass(frozen=True)
class File:
    name: str
    content: bytes


@dataclass(frozen=True)
class Entry:
    """What somebody filled in: answers and files, both by qid."""

    answers: dict[str, Answer] = field(default_factory=dict)
    files: dict[str, list[File]] = field(default_factory=dict)


def samples() -> list[str]:
    """Names of the sample radiographs, read anew each time: they may be made after our start."""
    folder = options().samples
    if not folder.is_dir():
        return []
    return sorted(p.name for p in folder.iterdir() if p.suffix.lower() in PICTURES and p.is_file())


def sample_path(name: str) -> Path:
    """KeyError for a name that is not one of the samples, such as one with a path in it."""
    if name not in samples():
        raise KeyError(name)
    return options().samples / name


def sample(name: str) -> File:
    return File(name, sample_path(name).read_bytes())


def create(form: Form, entry: Entry, ip: str) -> Submission:
    with transaction.atomic():
        submission = Submission.objects.create(
            id=_new_id(), form=form, ip=ip, created_at=_now(), answers=entry.answers
        )
        _store_files(submission, entry.files)
    return submission


def edit(submission: Submission, entry: Entry, *, replace_files: bool = False) -> None:
    """Only what the entry names changes; files are added unless they replace the old ones."""
    with transaction.atomic():
        stored = Submission.objects.get(pk=submission.pk)
        stored.answers = {**stored.answers, **entry.answers}
        touch(stored)
        if replace_files:
            _delete_files(stored)
        _store_files(stored, entry.files)


def delete(submission: Submission) -> None:
    _delete_files(submission)
    submission.delete()


def delete_all() -> None:
    for submission in Submission.objects.all():
        delete(submission)


def _delete_files(submission: Submission) -> None:
    for upload in submission.uploads.all():
        upload.file.unlink(missing_ok=True)
        upload.delete()


def touch(submission: Submission) -> None:
    submission.updated_at = _now()
    submission.save(update_fields=["answers", "new", "flag", "updated_at"])


def set_part(answers: dict[str, Answer], question: Question, part: str, value: str) -> None:
    """Set `submission[3][first]` and leave `last` as it is."""
    current = answers.get(question.qid)
    answers[question.qid] = {**(current if isinstance(current, dict) else {}), part: value}


def _now() -> datetime:
    """Whole seconds: Jotform has no finer ones, and filters compare with what it shows."""
    return timezone.now().replace(microsecond=0)


def _new_id() -> str:
    """19 digits, rising with time (in steps of 100 ns)."""
    return f"62{time.time_ns() // 100:017d}"


def _store_files(submission: Submission, files: dict[str, list[File]]) -> None:
    for qid, group in files.items():
        for file in group:
            name = _free_name(submission, file.name)
            upload = Upload.objects.create(submission=submission, qid=qid, name=name)
            upload.file.parent.mkdir(parents=True, exist_ok=True)
            upload.file.write_bytes(file.content)


def _free_name(submission: Submission, name: str) -> str:
    path, number = PurePosixPath(name), 0
    while submission.uploads.filter(name=name).exists():
        number += 1
        name = f"{path.stem}_{number}{path.suffix}"
    return name
