"""The product's settings in test mode, whatever the shell that started pytest says."""

import os

os.environ["RAIOX_ENV"] = "test"

from raiox.settings import *  # noqa: F403
