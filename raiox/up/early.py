"""`python -m raiox.up.early EAR MODULE ARGUMENTS`: a web process, loaded before it may serve.

Django's applications take a second to load, and the database is prepared meanwhile. No table is
read and no port is opened before the gate is.
"""

import gc
import runpy
import sys
from importlib import import_module

import django
from django.conf import settings
from django.utils.module_loading import import_string

from raiox.up import gate


def main() -> None:
    """Load what requests need, wait, and become MODULE."""
    ear, *command = sys.argv[1:]
    # gunicorn forks. After some of macOS' own libraries (numpy brings them) nothing should.
    if sys.platform == "linux":
        _load()
    gate.wait(int(ear))
    sys.argv = command
    runpy.run_module(command[0], run_name="__main__", alter_sys=True)


def _load() -> None:
    # All of this stays. Looking for garbage in it takes a seventh of the time, and would write into
    # pages that gunicorn's processes share.
    gc.disable()
    django.setup()
    import_module(settings.ROOT_URLCONF)
    for middleware in settings.MIDDLEWARE:
        import_string(middleware)
    for module in ("gunicorn.app.wsgiapp", "gunicorn.workers.gthread"):
        import_module(module)
    gc.freeze()
    gc.enable()


if __name__ == "__main__":
    main()
