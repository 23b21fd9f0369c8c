"""The catalogue for programs: search with a radiograph, list, look up. Stores nothing."""

import logging
from dataclasses import dataclass
from typing import Any

from django.utils.translation import gettext as _
from drf_spectacular.utils import extend_schema
from rest_framework.generics import ListAPIView, RetrieveAPIView
from rest_framework.request import Request
from rest_framework.response import Response

from implants.doubt import Doubt
from implants.encoders.active import ActiveEncoder, active
from implants.encoders.bundle import EncoderUnavailable
from implants.encoders.session import EncodingError
from implants.formats import Busy
from implants.identification import Identification, identify
from implants.look_alikes import groups_of, not_told_apart
from implants.manufacturers import UnknownManufacturer, manufacturer_named
from implants.models import Implant, Manufacturer, ReferenceImage
from implants.radiograph import MAX_BYTES, Radiograph, RadiographError, open_radiograph
from implants.region import Region
from implants.search import Candidate
from implants.serializers import (
    AnswerSerializer,
    ImplantFilterSerializer,
    ImplantSerializer,
    QuestionSerializer,
    SimilarImplantSerializer,
    with_shown_references,
)
from raiox.common.api.errors import ApiError, documented
from raiox.common.api.pagination import TOTAL_COUNT, BareListPagination
from raiox.common.api.parsers import InMemoryMultiPartParser
from raiox.common.api.views import ApiMixin

logger = logging.getLogger(__name__)

# The words of a multipart body around the file.
_ENVELOPE_BYTES = 64 * 1024
_REFUSALS = {
    "too_large": 413,
    "not_an_image": 415,
    "unsupported_format": 415,
    "too_small": 400,
}


@dataclass(frozen=True)
class _Match:
    """A candidate with its rows."""

    rank: int
    similarity: float
    implant: Implant
    reference: ReferenceImage


@dataclass(frozen=True)
class _Answer:
    """What the catalogue says; `reason` says why there are no matches."""

    encoder: str
    reason: str | None
    matches: list[_Match]
    doubt: Doubt


class _QuestionView(ApiMixin):
    parser_classes = [InMemoryMultiPartParser]
    max_body_bytes = MAX_BYTES + _ENVELOPE_BYTES

    def ask(self, request: Request) -> _Answer:
        """What the active encoder finds for the radiograph in the request."""
        question = QuestionSerializer(data=request.data)
        question.is_valid(raise_exception=True)
        manufacturer = _manufacturer(question.validated_data.get("manufacturer", ""))
        radiograph = _open(question.validated_data["file"].read())
        encoder = _active()
        found = _identified(
            radiograph,
            encoder,
            question.validated_data.get("region"),
            manufacturer.pk if manufacturer else None,
        )
        reason = "no_reference_of_manufacturer" if manufacturer else "empty_catalogue"
        matches = _matches(found.candidates)
        return _Answer(encoder.name, None if matches else reason, matches, found.doubt)


class SearchView(_QuestionView):
    """`POST /search`."""

    @extend_schema(
        request={"multipart/form-data": QuestionSerializer},
        responses={200: AnswerSerializer, **documented(400, 401, 403, 411, 413, 415, 422, 503)},
    )
    def post(self, request: Request) -> Response:
        """The three implants of the catalogue that a radiograph resembles most."""
        found = self.ask(request)
        implants = [match.implant for match in found.matches]
        answer = {
            "encoder": found.encoder,
            "confidence": found.doubt.confidence,
            "observations": found.doubt.observations,
            "concerns": found.doubt.concerns,
            "reason": found.reason,
            "look_alikes": not_told_apart(implants, groups_of(implants)),
            "results": found.matches,
        }
        return Response(AnswerSerializer(answer, context={"request": request}).data)


class UploadView(_QuestionView):
    """`POST /upload`: the search as the earlier service answered it."""

    @extend_schema(
        request={"multipart/form-data": QuestionSerializer},
        responses={
            200: SimilarImplantSerializer(many=True),
            **documented(400, 401, 403, 411, 413, 415, 422, 503),
        },
    )
    def post(self, request: Request) -> Response:
        """The same as `/search` for clients of the earlier service: a bare list of implants."""
        matches = self.ask(request).matches
        for match in matches:
            match.implant.similarity = match.similarity  # type: ignore[attr-defined]  # no field
        implants = [match.implant for match in matches]
        context = {"request": request}
        return Response(SimilarImplantSerializer(implants, many=True, context=context).data)


class ImplantListView(ApiMixin, ListAPIView):
    """`GET /implants`."""

    queryset = Implant.objects.order_by("manufacturer__name", "name", "pk")
    serializer_class = ImplantSerializer
    pagination_class = BareListPagination

    def get_queryset(self) -> Any:
        """With the radiographs that stand for the implants."""
        return with_shown_references(super().get_queryset())

    def filter_queryset(self, queryset: Any) -> Any:
        """Those that were asked for."""
        wanted = ImplantFilterSerializer(data=self.request.query_params)
        wanted.is_valid(raise_exception=True)
        return queryset.filter(wanted.condition())

    @extend_schema(
        parameters=[ImplantFilterSerializer, TOTAL_COUNT],
        responses={200: ImplantSerializer(many=True), **documented(400, 401, 403)},
    )
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """The catalogue, by manufacturer and name."""
        return super().get(request, *args, **kwargs)


class ImplantView(ApiMixin, RetrieveAPIView):
    """`GET /implants/{id}`."""

    queryset = Implant.objects.all()
    serializer_class = ImplantSerializer

    def get_queryset(self) -> Any:
        """With the radiograph that stands for the implant."""
        return with_shown_references(super().get_queryset())

    @extend_schema(responses={200: ImplantSerializer, **documented(401, 403, 404)})
    def get(self, request: Request, *args: Any, **kwargs: Any) -> Response:
        """One implant."""
        return super().get(request, *args, **kwargs)


def _open(data: bytes) -> Radiograph:
    try:
        return open_radiograph(data)
    except RadiographError as error:
        raise ApiError(_REFUSALS[error.code], error.code, str(error)) from error
    except Busy as error:
        raise ApiError(503, "busy", _("The service is busy: try again in a moment.")) from error


def _active() -> ActiveEncoder:
    try:
        return active()
    except EncoderUnavailable as error:
        raise _unavailable(error) from error


def _manufacturer(name: str) -> Manufacturer | None:
    try:
        return manufacturer_named(name) if name else None
    except UnknownManufacturer as error:
        raise ApiError(400, "unknown_manufacturer", str(error)) from error


def _identified(
    radiograph: Radiograph,
    encoder: ActiveEncoder,
    region: Region | None,
    manufacturer_id: int | None,
) -> Identification:
    try:
        return identify(radiograph, encoder, region=region, manufacturer_id=manufacturer_id)
    except EncoderUnavailable as error:
        raise _unavailable(error) from error
    except EncodingError as error:
        message = _("The encoder finds nothing to compare on this image.")
        raise ApiError(422, "nothing_to_compare", message) from error


def _unavailable(error: EncoderUnavailable) -> ApiError:
    """The reason names files of the server: it belongs into the log."""
    logger.error("encoder unavailable", extra={"reason": str(error)})
    return ApiError(503, "encoder_unavailable", _("The encoder is not available at the moment."))


def _matches(candidates: list[Candidate]) -> list[_Match]:
    implants = with_shown_references(Implant.objects.all()).in_bulk(
        [candidate.implant_id for candidate in candidates]
    )
    references = ReferenceImage.objects.in_bulk(
        [candidate.reference_id for candidate in candidates]
    )
    return [
        _Match(
            rank,
            candidate.similarity,
            implants[candidate.implant_id],
            references[candidate.reference_id],
        )
        for rank, candidate in enumerate(candidates, start=1)
    ]
