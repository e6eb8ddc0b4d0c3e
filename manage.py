#!/usr/bin/env python
"""Django's command line for this project: `python manage.py help`."""

import os
import sys


def main() -> None:
    os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
    from django.core.management import execute_from_command_line

    if sys.argv[1:2] == ["runserver"]:
        from config.production_checks import exit_if_misconfigured

        exit_if_misconfigured()  # before runserver starts its thread, which would hide the exit
    execute_from_command_line(sys.argv)


if __name__ == "__main__":
    main()
