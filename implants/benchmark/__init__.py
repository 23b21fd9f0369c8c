"""Measuring the search: vectors like the encoder's own, in tables of their own."""
