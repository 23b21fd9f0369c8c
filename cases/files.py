"""Which files of a submission a case has, and which of its own the submission names no longer."""

import logging

from cases.models import Case, CaseImage
from webhooks.submission import Submission, file_of

logger = logging.getLogger(__name__)
# More files than a person sends: each one is a download and a search.
MAX_IMAGES = 30
BLANK_ADDRESS = "deleted/"
"""What stands for the address of a file that retention has deleted, with the image's id."""


def add_images(case: Case, submission: Submission) -> int:
    """One row per file that was not there yet, up to the limit; the count of new ones."""
    new = _new(case, submission)
    taken = new[: max(0, MAX_IMAGES - case.images.count())]
    CaseImage.objects.bulk_create(CaseImage(case=case, url=url) for url in taken)
    if len(taken) < len(new):
        logger.warning("files left out", extra={"case_id": case.pk, "count": len(new) - len(taken)})
    return len(taken)


def lacks_some(submission: Submission) -> bool:
    """Whether a webhook names some files of its case and not others: were those taken out?

    Jotform's API can tell. What the API says is never asked of it again.
    """
    if submission.is_whole or submission.is_direct:
        return False
    case = Case.objects.filter(
        form__form_id=submission.form_id, submission_id=submission.submission_id
    ).first()
    return case is not None and bool(_withdrawals(case, submission)[0])


def mark_withdrawn(case: Case, submission: Submission) -> dict[str, int]:
    """Note the files that the submission names no longer and those that it names again.

    Gives back how many are `withdrawn` and how many have `returned`, where there are any.

    Only Jotform's API can say that a file is gone; of an edit a webhook may name the new ones.
    Withdrawn films are kept, and their candidates count: reviewers are told, and mark the implant
    on the film that counts.
    """
    gone, back = _withdrawals(case, submission)
    gone = gone if submission.is_whole else []
    case.images.filter(pk__in=gone).update(is_withdrawn=True)
    case.images.filter(pk__in=back).update(is_withdrawn=False)
    counts = {"withdrawn": len(gone), "returned": len(back)}
    return {what: count for what, count in counts.items() if count}


def files_differ(case: Case, submission: Submission) -> bool:
    """Whether the submission names files that the case lacks, or not those that it has.

    Of a case whose films retention has deleted nobody can tell.
    """
    if case.images.filter(url__startswith=BLANK_ADDRESS).exists():
        return False
    return bool(_new(case, submission)) or any(_withdrawals(case, submission))


def _new(case: Case, submission: Submission) -> list[str]:
    """The addresses of files that the case lacks."""
    known = set(map(file_of, case.images.values_list("url", flat=True)))
    return [url for url in submission.image_urls if file_of(url) not in known]


def _withdrawals(case: Case, submission: Submission) -> tuple[list[int], list[int]]:
    """Ids of the images to mark as withdrawn, and of those to mark as there again."""
    named = set(map(file_of, submission.image_urls))
    if not named:
        return [], []  # deliveries leave the addresses out
    gone: list[int] = []
    back: list[int] = []
    # Retention has deleted the addresses of some.
    kept = case.images.exclude(url__startswith=BLANK_ADDRESS)
    for pk, url, is_withdrawn in kept.values_list("pk", "url", "is_withdrawn"):
        if is_withdrawn == (file_of(url) in named):
            (back if is_withdrawn else gone).append(pk)
    return gone, back
