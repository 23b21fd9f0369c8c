"""Which encoders there are: to be looked at; commands change them."""

from django.contrib import admin
from django.db.models import Count, QuerySet
from django.http import HttpRequest
from django.utils.translation import gettext_lazy as _

from implants.models import Encoder
from raiox.common.audit import ReadOnlyAdmin


@admin.register(Encoder)
class EncoderAdmin(ReadOnlyAdmin):
    """Encoders with the number of references that each of them has seen."""

    list_display = ("name", "version", "is_active", "vectors", "created_at")

    def get_queryset(self, request: HttpRequest) -> QuerySet[Encoder]:
        """With the number of vectors."""
        return super().get_queryset(request).annotate(vector_count=Count("vectors"))

    @admin.display(description=_("references with a vector"))
    def vectors(self, encoder: Encoder) -> int:
        """How many references can be compared by this encoder."""
        return int(encoder.vector_count)  # type: ignore[attr-defined]  # annotated
