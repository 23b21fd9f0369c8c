"""What to do about a problem, in words for somebody who is no engineer."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cases.models import Case, CaseImage
from implants.doubt import Concern

Problem, Refusal = Case.Problem, CaseImage.Refusal

PROBLEM_ADVICE: dict[str, Promise] = {
    Problem.NO_IMAGE: _(
        "The dentist sent the form without a radiograph. Reject the case and ask for one."
    ),
    Problem.NO_USABLE_IMAGE: _(
        "None of the files could be used; the reason is written beside each. Ask the dentist for a "
        "new radiograph, or analyse again once the cause is gone."
    ),
    Problem.EMPTY_CATALOGUE: _(
        "There are no reference radiographs to compare with. When the curators have added some, "
        "analyse again. You may also choose any implant of the catalogue yourself."
    ),
    Problem.ENCODER_UNAVAILABLE: _(
        "The program that compares pictures is not running. Tell whoever looks after the system, "
        "then analyse again."
    ),
    Problem.ANALYSIS_FAILED: _(
        "The comparison failed. Analyse again; if it fails once more, tell whoever looks after the "
        "system. You may still decide from the radiograph alone."
    ),
}
REFUSAL_ADVICE: dict[str, Promise] = {
    Refusal.TOO_LARGE: _("Files of up to 5 MB are taken. The dentist can send a smaller one."),
    Refusal.NOT_AN_IMAGE: _("The file is damaged, or it is no picture at all."),
    Refusal.UNSUPPORTED_FORMAT: _(
        "JPEG, PNG, WebP, TIFF, HEIC, DICOM of one film and PDF without a password are taken; some "
        "compressions inside a DICOM are not. The dentist can export the film as JPEG or PNG."
    ),
    Refusal.TOO_SMALL: _("There are too few pixels to see the threads of an implant."),
    Refusal.HOST_NOT_ALLOWED: _("The address does not belong to Jotform; it was not opened."),
    Refusal.DOWNLOAD_FAILED: _("Jotform did not give the file. Analyse again to try once more."),
    Refusal.LOGIN_REQUIRED: _(
        "The form shows its files to logged-in people only. Whoever looks after the system can "
        "change that in Jotform; then analyse again."
    ),
}
WITHDRAWN_ADVICE: Promise = _(
    "The dentist edited the form, and it does not name this file now. If another film replaced it, "
    "mark the implant on that one: then only that one is compared."
)
PAGES_ADVICE: Promise = _(
    "The other pages of the file were neither looked at nor compared. If the implant is on one of "
    "them, ask the dentist for that film alone."
)
CONCERN_ADVICE: dict[str, Promise] = {
    Concern.PHOTOGRAPH: _(
        "A photograph of a screen or of a film on the light box distorts what is compared. Trust "
        "your eyes more than the candidates, or ask for the radiograph's own file."
    ),
    Concern.DOCUMENT: _(
        "The candidates mean little if it is a form or a report. If there is no radiograph on it, "
        "reject the case and ask for one."
    ),
    Concern.CONTACT_SHEET: _(
        "The whole sheet was compared, not the film of this tooth. Ask the dentist for that film "
        "alone."
    ),
    Concern.NO_IMPLANT: _(
        "Look whether there is one. If there is none, the candidates mean nothing: reject the case."
    ),
}
