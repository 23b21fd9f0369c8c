"""Model fields of the catalogue that cases use too."""

from typing import Any

from django.contrib.postgres.fields import ArrayField
from django.core.exceptions import ValidationError
from django.db import models

from implants.region import Region, RegionError


def validate_region(value: list[float]) -> None:
    """Refuse numbers that describe no part of an image."""
    try:
        Region.from_list(value)
    except RegionError as error:
        raise ValidationError(str(error)) from error


class RegionField(ArrayField):
    """[x, y, width, height] in fractions (0-1) of the upright image; null means all of it."""

    def __init__(self, **options: Any) -> None:
        super().__init__(
            models.FloatField(), **{**options, "size": 4, "validators": [validate_region]}
        )

    def deconstruct(self) -> Any:
        """Leave out of migrations what this class fixes itself."""
        name, path, args, kwargs = super().deconstruct()
        for fixed in ("base_field", "size", "validators"):
            kwargs.pop(fixed, None)
        return name, path, args, kwargs
