"""Django for programs that `manage.py` does not start: imported before what needs its settings."""

import os

import django

os.environ["RAIOX_ENV"] = "test"
os.environ["DJANGO_SETTINGS_MODULE"] = "raiox.settings"
os.environ.setdefault("LOG_LEVEL", "WARNING")

django.setup()
