#!/usr/bin/env python
"""Django's command line for Raiox."""

import os
import sys


def main() -> None:
    """Run one management command with Raiox's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raiox.settings")
    if sys.argv[1:2] == ["up"]:
        # It lives as long as the service and needs no application, which each of the processes
        # that it starts loads: a second of every start, and a hundred megabytes.
        from raiox.management.commands.up import Command

        Command().run_from_argv(sys.argv)
        return
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
