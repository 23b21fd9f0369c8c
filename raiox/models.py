"""The one table that is the wiring's own."""

from django.db import models


class Installation(models.Model):
    """Whose database this is. It travels with every dump, so a copy of production says so too."""

    environment = models.CharField(max_length=20)
    bucket = models.CharField(max_length=100, blank=True)

    class Meta:
        db_table = "installation"
        constraints = [
            models.CheckConstraint(condition=models.Q(id=1), name="one_installation"),
        ]

    def __str__(self) -> str:
        return self.environment
