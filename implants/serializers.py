"""How the API speaks of the catalogue, and how it takes a question."""

from collections.abc import Iterable
from typing import Any

from django.db.models import Prefetch, Q, QuerySet, prefetch_related_objects
from drf_spectacular.types import OpenApiTypes
from drf_spectacular.utils import extend_schema_field
from rest_framework import serializers

from implants.doubt import Concern, Confidence
from implants.links import reference_image_url
from implants.models import Implant, ReferenceImage
from implants.region import Region, RegionError


def _first_references() -> Prefetch:
    """Each implant's first radiograph, the one that stands for it, as `shown_references`."""
    first = ReferenceImage.objects.order_by("implant_id", "pk").distinct("implant_id")
    return Prefetch("references", queryset=first, to_attr="shown_references")


def with_shown_references(implants: QuerySet[Implant]) -> QuerySet[Implant]:
    """`implants` with what `ImplantSerializer` needs, in two queries."""
    return implants.select_related("manufacturer").prefetch_related(_first_references())


def load_shown_references(implants: Iterable[Implant]) -> None:
    """The same for implants that were loaded already."""
    prefetch_related_objects(list(implants), _first_references())


class ImplantSerializer(serializers.ModelSerializer):
    """An implant with its attributes; what is not known is empty."""

    manufacturer = serializers.CharField(source="manufacturer.name")
    diameters_mm = serializers.ListField(child=serializers.FloatField())
    sources = serializers.DictField(
        child=serializers.CharField(), help_text="Attribute name to the source of the fact."
    )
    image_url = serializers.SerializerMethodField(help_text="A signed link that expires.")

    class Meta:
        model = Implant
        fields = [
            "id", "name", "manufacturer", "type", "image_url", "aliases", "connection",
            "connection_detail", "level", "body", "thread", "microthread", "apex",
            "apical_feature", "platform", "collar", "diameters_mm", "look_alike_group", "sources",
            "is_demo",
        ]  # fmt: skip

    def get_image_url(self, implant: Implant) -> str | None:
        """A link to the implant's first radiograph; null while it has none."""
        shown: list[ReferenceImage] = implant.shown_references  # type: ignore[attr-defined]  # prefetched
        return reference_image_url(shown[0], self.context["request"]) if shown else None


class ImplantFilterSerializer(serializers.Serializer):
    """Which implants to list."""

    manufacturer = serializers.CharField(
        required=False, allow_blank=True, help_text="Its name, in any case."
    )
    name = serializers.CharField(
        required=False, allow_blank=True, help_text="A part of the name or an alias."
    )

    def condition(self) -> Q:
        """The valid filter for a queryset of implants."""
        wanted = self.validated_data
        found = Q()
        if wanted.get("manufacturer"):
            found &= Q(manufacturer__name__iexact=wanted["manufacturer"])
        if wanted.get("name"):
            found &= Q(name__icontains=wanted["name"]) | Q(aliases__icontains=wanted["name"])
        return found


class SimilarImplantSerializer(ImplantSerializer):
    """An implant and how much a radiograph resembles its best reference."""

    similarity = serializers.FloatField(help_text="1 - cosine distance, -1 to 1.")

    class Meta(ImplantSerializer.Meta):
        fields = [*ImplantSerializer.Meta.fields, "similarity"]


class ReferenceSerializer(serializers.ModelSerializer):
    """A radiograph of the catalogue."""

    image_url = serializers.SerializerMethodField(help_text="A signed link that expires.")
    region = serializers.ListField(
        child=serializers.FloatField(), allow_null=True, help_text="[x, y, width, height], 0 to 1."
    )
    diameter_mm = serializers.FloatField(allow_null=True)
    length_mm = serializers.FloatField(allow_null=True)

    class Meta:
        model = ReferenceImage
        fields = ["id", "image_url", "region", "diameter_mm", "length_mm", "is_demo"]

    def get_image_url(self, reference: ReferenceImage) -> str:
        """A link to the radiograph."""
        return reference_image_url(reference, self.context["request"])


class MatchSerializer(serializers.Serializer):
    """One of the most similar implants, by its most similar reference."""

    rank = serializers.IntegerField(min_value=1)
    similarity = serializers.FloatField(help_text="1 - cosine distance, -1 to 1.")
    implant = ImplantSerializer()
    reference = ReferenceSerializer()


class LookAlikeSerializer(serializers.ModelSerializer):
    """An implant of a group of look-alikes, by name."""

    manufacturer = serializers.CharField(source="manufacturer.name")

    class Meta:
        model = Implant
        fields = ["id", "name", "manufacturer", "is_demo"]


class LookAlikesSerializer(serializers.Serializer):
    """Implants that the film can't tell apart: candidates first, then others of the catalogue."""

    group = serializers.CharField()
    implants = LookAlikeSerializer(many=True)


class AnswerSerializer(serializers.Serializer):
    """What the catalogue says to a radiograph."""

    encoder = serializers.CharField(help_text="Which encoder compared.")
    confidence = serializers.ChoiceField(
        Confidence.choices,
        allow_null=True,
        help_text="Of the first result. Null while there are too few observations to calibrate.",
    )
    observations = serializers.IntegerField(
        min_value=0, help_text="How many films whose implant is known stand behind the confidence."
    )
    concerns = serializers.ListField(
        child=serializers.ChoiceField(Concern.choices),
        help_text="Why the image may be no radiograph of an implant; with one it is never sure.",
    )
    reason = serializers.ChoiceField(
        ["empty_catalogue", "no_reference_of_manufacturer"],
        allow_null=True,
        help_text="Why there are no results.",
    )
    look_alikes = LookAlikesSerializer(
        allow_null=True,
        help_text="The group of the first candidate, or the one that the two others share.",
    )
    results = MatchSerializer(many=True)


@extend_schema_field({"type": "string", "example": '{"x":0.1,"y":0.2,"width":0.3,"height":0.6}'})
class RegionFormField(serializers.Field):
    """A region in a form: JSON, `[x, y, width, height]` or an object of these four names."""

    def to_internal_value(self, data: Any) -> Region | None:
        """The region; None when the field was left empty."""
        if data == "":
            return None
        try:
            return Region.from_json(data)
        except RegionError as error:
            raise serializers.ValidationError(str(error)) from error


@extend_schema_field(OpenApiTypes.BINARY)
class _FilmField(serializers.FileField):
    """An upload; the schema would take it for the address that a stored file answers with."""


class QuestionSerializer(serializers.Serializer):
    """A radiograph, the part of it that counts, and whose implants are in question."""

    file = _FilmField(
        allow_empty_file=True, help_text="JPEG, PNG, WebP, TIFF, HEIC, DICOM or PDF, 5 MiB at most."
    )
    region = RegionFormField(
        required=False,
        help_text="The part that shows the implant, in fractions (0-1) of the upright image.",
    )
    manufacturer = serializers.CharField(
        required=False,
        allow_blank=True,
        help_text="Only implants of the manufacturer of this name, upper or lower case.",
    )
