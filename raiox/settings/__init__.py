"""Settings of every mode; what differs between modes is decided by `RAIOX_ENV` inside."""

from raiox.settings.base import *  # noqa: F403  # Django reads settings as names of this module
from raiox.settings.security import *  # noqa: F403
