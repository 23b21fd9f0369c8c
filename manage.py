#!/usr/bin/env python
"""Django's command line for Raiox."""

import os
import sys


def main() -> None:
    """Run one management command with Raiox's settings."""
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "raiox.settings")
    from django.core.management import execute_from_command_line

    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
