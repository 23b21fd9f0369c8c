"""The story of one case: what came, what was found, what was decided, what was answered."""

from cases.models.case import Case, CaseImage
from cases.models.delivery import DecisionKey, Delivery
from cases.models.event import CaseEvent
from cases.models.finding import Finding, FirstImpression
from cases.models.merging import MergedResult, Merging
from cases.models.reviewer import ReviewerPreferences
from cases.models.search import Result, Search
from cases.notices.models import Notice
from cases.privacy.models import AccessRecord, ErasedSubmission

__all__ = [
    "AccessRecord",
    "Case",
    "CaseEvent",
    "CaseImage",
    "DecisionKey",
    "Delivery",
    "ErasedSubmission",
    "Finding",
    "FirstImpression",
    "MergedResult",
    "Merging",
    "Notice",
    "Result",
    "ReviewerPreferences",
    "Search",
]
