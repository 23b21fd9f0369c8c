"""The curators' desk: manufacturers, implants and their reference radiographs."""

from implants.admin import catalogue, encoder, reference

__all__ = ["catalogue", "encoder", "reference"]
