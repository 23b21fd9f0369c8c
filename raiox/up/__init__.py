"""`manage.py up`: everything Raiox needs, started together, kept alive, and stopped together."""
