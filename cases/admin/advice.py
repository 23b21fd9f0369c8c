"""What to do about a problem, in words for somebody who is no engineer."""

from django.utils.functional import Promise
from django.utils.translation import gettext_lazy as _

from cases.models import Case, CaseImage

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
    Refusal.UNSUPPORTED_FORMAT: _("JPEG, PNG, WebP and TIFF are taken. A PDF, for one, is not."),
    Refusal.TOO_SMALL: _("There are too few pixels to see the threads of an implant."),
    Refusal.HOST_NOT_ALLOWED: _("The address does not belong to Jotform; it was not opened."),
    Refusal.DOWNLOAD_FAILED: _("Jotform did not give the file. Analyse again to try once more."),
    Refusal.LOGIN_REQUIRED: _(
        "The form shows its files to logged-in people only. Whoever looks after the system can "
        "change that in Jotform; then analyse again."
    ),
}
