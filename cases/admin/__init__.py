"""The reviewers' part of the admin."""

from cases.admin import audit, case

__all__ = ["audit", "case"]
