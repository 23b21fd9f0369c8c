"""How the API speaks of cases, and how it takes decisions."""

from typing import Any

from django.contrib.auth.models import User
from django.http import QueryDict
from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from cases.candidates import Shortlist
from cases.links import api_film_url
from cases.models import Case, CaseEvent, CaseImage, Delivery, Finding
from implants.doubt import Concern, Confidence
from implants.look_alikes import not_told_apart
from implants.serializers import ImplantSerializer, LookAlikesSerializer, ReferenceSerializer

_MAX_ID = 2**63 - 1
_CONCERNS = serializers.ListField(child=serializers.ChoiceField(Concern.choices))


def name_of(user: User | None) -> str | None:
    """What people call her; null for what nobody did in person."""
    return (user.get_full_name() or user.get_username()) if user else None


class PersonField(serializers.CharField):
    """A user, by the name that people call her."""

    def __init__(self, **options: Any) -> None:
        super().__init__(read_only=True, allow_null=True, **options)

    def to_representation(self, value: Any) -> Any:
        """The name alone."""
        return name_of(value)


class CandidateSerializer(serializers.Serializer):
    """One of the implants that a finding resembles most."""

    rank = serializers.IntegerField(min_value=1)
    similarity = serializers.FloatField(help_text="1 - cosine distance, -1 to 1.")
    confidence = serializers.ChoiceField(
        Confidence.choices,
        allow_null=True,
        help_text="Of the first result alone, the same as the finding's.",
    )
    encoder = serializers.CharField()
    implant = ImplantSerializer()
    reference = ReferenceSerializer(allow_null=True)


class FindingSerializer(serializers.ModelSerializer):
    """An implant on the film: what it resembles and what the reviewer says."""

    image_id = serializers.IntegerField(allow_null=True)
    region = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="[x, y, width, height], 0 to 1."
    )
    implant = serializers.SerializerMethodField(help_text="What the reviewer chose.")
    confidence = serializers.SerializerMethodField(
        help_text="How sure the first result is; null while the encoder is not calibrated."
    )
    observations = serializers.SerializerMethodField(
        help_text="How many comparisons the word of confidence stands on."
    )
    concerns = serializers.SerializerMethodField(
        help_text="What speaks against the images that were searched."
    )
    look_alikes = serializers.SerializerMethodField(
        help_text="The group of the first result, or the one that the two others share."
    )
    results = serializers.SerializerMethodField()

    class Meta:
        model = Finding
        fields = [
            "id", "tooth", "image_id", "region", "verdict", "implant", "note", "confidence",
            "observations", "concerns", "look_alikes", "results",
        ]  # fmt: skip

    @extend_schema_field(ImplantSerializer(allow_null=True))
    def get_implant(self, finding: Finding) -> Any:
        """The implant in full."""
        if finding.implant is None:
            return None
        return ImplantSerializer(finding.implant, context=self.context).data

    @extend_schema_field(serializers.ChoiceField(Confidence.choices, allow_null=True))
    def get_confidence(self, finding: Finding) -> str | None:
        """The word on the first candidate."""
        return self._shortlist(finding).confidence

    def get_observations(self, finding: Finding) -> int:
        """What the word stands on."""
        return self._shortlist(finding).observations

    @extend_schema_field(_CONCERNS)
    def get_concerns(self, finding: Finding) -> list[str]:
        """Each concern once, whichever image it is about."""
        found = {code for codes in self._shortlist(finding).concerns.values() for code in codes}
        return [code for code in Concern if code in found]

    @extend_schema_field(LookAlikesSerializer(allow_null=True))
    def get_look_alikes(self, finding: Finding) -> Any:
        """What the film leaves open among the candidates."""
        implants = [found.implant for found in self._shortlist(finding).candidates]
        found = not_told_apart(implants, self.context["groups"])
        return LookAlikesSerializer(found).data if found else None

    @extend_schema_field(CandidateSerializer(many=True))
    def get_results(self, finding: Finding) -> Any:
        """The finding's candidates, best first."""
        candidates = self._shortlist(finding).candidates
        return CandidateSerializer(candidates, many=True, context=self.context).data

    def _shortlist(self, finding: Finding) -> Shortlist:
        shortlist: Shortlist = self.context["shortlists"][finding.pk]
        return shortlist


class CaseImageSerializer(serializers.ModelSerializer):
    """A file of the submission and what became of it."""

    concerns = serializers.SerializerMethodField(help_text="What speaks against this image.")
    image_url = serializers.SerializerMethodField(
        help_text="A signed link that expires; null while there is no film."
    )

    class Meta:
        model = CaseImage
        fields = [
            "id", "state", "refusal", "is_withdrawn", "width", "height", "pages", "image_url",
            "concerns", "created_at",
        ]  # fmt: skip

    def get_image_url(self, image: CaseImage) -> str | None:
        """For the eyes of whoever asks; each use is recorded."""
        if image.state != CaseImage.State.STORED:
            return None
        request = self.context["request"]
        address: str = request.build_absolute_uri(api_film_url(image, request.user))
        return address

    @extend_schema_field(_CONCERNS)
    def get_concerns(self, image: CaseImage) -> list[str]:
        """Those of all findings that were searched for on it."""
        concerns: list[str] = self.context["concerns"].get(image.pk, [])
        return concerns


class CaseEventSerializer(serializers.ModelSerializer):
    """A line of the timeline."""

    actor = PersonField()
    data = serializers.DictField()  # type: ignore[assignment]  # a field, not Serializer.data

    class Meta:
        model = CaseEvent
        fields = ["created_at", "actor", "kind", "data", "correlation_id"]


class DeliverySerializer(serializers.ModelSerializer):
    """One attempt to write a text into Jotform."""

    class Meta:
        model = Delivery
        fields = [
            "id", "kind", "decision_id", "attempt", "state", "reason", "status_code",
            "duration_ms", "text", "due_at", "started_at", "finished_at",
        ]  # fmt: skip


class CaseSerializer(serializers.ModelSerializer):
    """A case with all that is known of it.

    The context needs `request`, `shortlists` (by finding id) and `concerns` (by image id) as
    `cases.candidates` has them, and the `groups` of look-alikes of all candidates.
    """

    form_id = serializers.CharField(source="form.form_id")
    decided_by = PersonField()
    images = CaseImageSerializer(many=True)
    findings = FindingSerializer(many=True)
    timeline = CaseEventSerializer(source="events", many=True)
    deliveries = DeliverySerializer(many=True)

    class Meta:
        model = Case
        fields = [
            "id", "state", "problem", "form_id", "submission_id", "is_direct", "dentist_name",
            "dentist_email", "patient", "tooth", "note", "rejection_reason", "rejection_text",
            "decided_by", "decided_at", "decision_id", "changed_after_decision",
            "postponed_until", "correlation_id", "created_at", "updated_at", "images", "findings",
            "timeline", "deliveries",
        ]  # fmt: skip


_CASE_LOOKUPS = {
    "state": "state__in",
    "form_id": "form__form_id",
    "submission_id": "submission_id",
    "received_from": "created_at__gte",
    "received_before": "created_at__lt",
}


class CaseFilterSerializer(serializers.Serializer):
    """Which cases to list."""

    state = serializers.MultipleChoiceField(
        choices=Case.State.choices, required=False, help_text="May be given several times."
    )
    form_id = serializers.CharField(
        required=False, allow_blank=True, help_text="Of the form in Jotform."
    )
    submission_id = serializers.CharField(
        required=False, allow_blank=True, help_text="Of the submission."
    )
    received_from = serializers.DateTimeField(required=False, help_text="At this time or later.")
    received_before = serializers.DateTimeField(required=False, help_text="Before this time.")

    def __init__(self, query: QueryDict | None = None, **options: Any) -> None:
        # As a plain dictionary: in a form an empty field counts as left out, here it is refused.
        if query is not None:
            options["data"] = {**query.dict(), "state": query.getlist("state")}
        super().__init__(**options)

    def conditions(self) -> dict[str, Any]:
        """The valid filter for a queryset of cases."""
        wanted = self.validated_data
        return {lookup: wanted[name] for name, lookup in _CASE_LOOKUPS.items() if wanted.get(name)}


class FindingVerdictSerializer(serializers.Serializer):
    """What the reviewer says of one finding."""

    id = serializers.IntegerField(min_value=1, max_value=_MAX_ID)
    verdict = serializers.ChoiceField(Finding.Verdict.choices)
    implant_id = serializers.IntegerField(
        min_value=1,
        max_value=_MAX_ID,
        required=False,
        allow_null=True,
        help_text="For `identified` and `probable`, and only for these.",
    )
    note = serializers.CharField(
        required=False, allow_blank=True, help_text="Left out: stays as it is."
    )


class ApprovalSerializer(serializers.Serializer):
    """The verdicts that are still to be set, and a word to the dentist."""

    findings = FindingVerdictSerializer(many=True, required=False)
    note = serializers.CharField(
        required=False, allow_blank=True, help_text="Left out: stays as it is."
    )

    def validate_findings(self, findings: list[dict[str, Any]]) -> list[dict[str, Any]]:
        """Two verdicts for one finding would leave the choice to chance."""
        if len({finding["id"] for finding in findings}) < len(findings):
            raise serializers.ValidationError(_("Send one verdict for each finding."))
        return findings


# The enum that the schema has for `rejection_reason` of a case.
@extend_schema_field({"$ref": "#/components/schemas/RejectionReasonEnum"})
class _RejectionReasonField(serializers.ChoiceField):
    pass


class RejectionSerializer(serializers.Serializer):
    """Why there is no identification."""

    reason = _RejectionReasonField(Case.RejectionReason.choices)
    text = serializers.CharField(
        required=False, allow_blank=True, default="", help_text="Needed for the reason `other`."
    )
