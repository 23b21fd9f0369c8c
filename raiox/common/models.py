"""Small things that models of several applications share."""

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models
from django.utils.translation import gettext_lazy as _


def validate_region(value: list[float]) -> None:
    """A region is [x, y, width, height], each a fraction, and lies inside the image."""
    if len(value) != 4:
        raise ValidationError(_("A region has four numbers: x, y, width and height."))
    x, y, width, height = value
    inside = x >= 0 and y >= 0 and x + width <= 1 + 1e-6 and y + height <= 1 + 1e-6
    if not (inside and width > 0 and height > 0):
        raise ValidationError(_("The region must lie inside the image."))


class RegionField(ArrayField):
    """A rectangle [x, y, width, height] in fractions (0-1) of the upright image; null: all of it."""

    def __init__(self, **options: object) -> None:
        given = {"null": True, "blank": True, "validators": [validate_region], **options}
        super().__init__(models.FloatField(), size=4, **{k: v for k, v in given.items()})

    def deconstruct(self):  # type: ignore[no-untyped-def]  # as Django's own fields
        """Leave out of migrations what this class fixes itself."""
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("base_field", "size", "null", "blank", "validators"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs
