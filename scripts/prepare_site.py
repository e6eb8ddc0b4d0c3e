"""The part of `make run` that needs Django: migrate, copy the catalogue, create demo users. Argument: port."""

import os
import sys
from io import StringIO
from pathlib import Path

import django
from django.conf import settings
from django.core.exceptions import ImproperlyConfigured
from django.core.management import CommandError, call_command
from django.db import connection
from django.db.migrations.loader import MigrationLoader

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
from config.production_checks import exit_if_misconfigured

CARDS = """
  4242 4242 4242 4242   succeeds                 (any future date, any CVC)
  4000 0000 0000 0002   is declined
  4000 0000 0000 9995   has insufficient funds
  4000 0027 6000 3184   requires 3D Secure"""


def main() -> None:
    exit_if_misconfigured()
    try:
        django.setup()
        _exit_if_database_is_older()
        print("Migrating the database", flush=True)
        call_command("migrate", verbosity=0)
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(f"The site cannot start: {_one_line(error)}")
    try:
        report = StringIO()
        call_command("bootstrap_ecommerce", stdout=report)
        print(report.getvalue().strip().rpartition("\n")[2], flush=True)
    except CommandError as error:
        print(f"The catalogue could not be updated completely: {_one_line(error)}", flush=True)
    if settings.DEBUG:
        call_command("setup_demo", stdout=StringIO())
    print(_summary(int(sys.argv[1])), flush=True)


def _exit_if_database_is_older() -> None:
    """Exit if the database has migrations that were removed before the first release."""
    loader = MigrationLoader(connection)
    removed = loader.applied_migrations.keys() - loader.disk_migrations.keys()
    if any(app in ("ecommerce", "users") for app, _name in removed):
        sys.exit(
            "The database was created by a version before the first release, whose migrations no longer exist. "
            f"Move or delete {settings.VAR_DIR} (or empty the database of DATABASE_URL), then run `make run`."
        )


def _summary(port: int) -> str:
    url = f"http://127.0.0.1:{port}"
    lines = ["", f"{settings.SITE_NAME} runs at  {url}/", f"Stripe:  {_stripe_mode()}", ""]
    if settings.TUNNEL_URL:
        lines.insert(2, f"and, for anyone with the URL, at {settings.TUNNEL_URL}/")
    if settings.DEBUG:
        lines += [
            "Demo accounts (password demo-shop-2026)",
            "  ada@example.com       customer",
            f"  olive@example.com     operator: {url}/admin/",
            "",
        ]
    if not settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")):
        lines += [f"Test cards{CARDS}", ""]
    if settings.DEBUG:
        lines.append(f"E-mails of the site:   {url}/dev/mail/")
        lines.append(f"Components and errors: {url}/dev/style/ and {url}/dev/errors/")
    if settings.STRIPE_SANDBOX:
        lines.append(f"Sandbox control panel: {url}/stripe-sandbox/")
    return "\n".join([*lines, "Stop with Ctrl-C.", ""])


def _stripe_mode() -> str:
    key = settings.STRIPE_SECRET_KEY
    if settings.STRIPE_SANDBOX:
        return "the offline sandbox (to use Stripe, add your keys to .env)"
    if key.startswith(("sk_live_", "rk_live_")):
        return "LIVE MODE. Cards are charged."
    if not key:
        return "off: no STRIPE_SECRET_KEY in .env"
    webhook = "on" if settings.STRIPE_WEBHOOK_SECRET else "off: no STRIPE_WEBHOOK_SECRET"
    return f"test mode with your key from .env (webhook {webhook})"


def _one_line(value: object) -> str:
    return " · ".join(line.strip() for line in str(value).splitlines() if line.strip())


if __name__ == "__main__":
    main()
