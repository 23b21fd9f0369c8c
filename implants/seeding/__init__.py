"""Filling the catalogue from folders and buckets of named files."""
