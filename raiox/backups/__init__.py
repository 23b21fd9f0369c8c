"""Backups of database and films, and the way back.

A backup of the database is one dump in object storage and, written after it, its manifest: what is
not named by a manifest is no backup. Nothing of it ever lies on this machine's disk.
"""
