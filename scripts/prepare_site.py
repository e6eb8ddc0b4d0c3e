"""The part of `make run` that needs Django: migrations, catalogue and demo accounts.

.venv/bin/python scripts/prepare_site.py 8000
"""

import os
import sys
from io import StringIO
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")

CARDS = """
  4242 4242 4242 4242   pays                     (any future date, any CVC)
  4000 0000 0000 0002   is declined
  4000 0000 0000 9995   has insufficient funds
  4000 0027 6000 3184   asks for 3D Secure"""


def main() -> None:
    import django
    from django.core.exceptions import ImproperlyConfigured
    from django.core.management import CommandError, call_command

    from config.production_checks import exit_if_misconfigured

    exit_if_misconfigured()
    try:
        django.setup()
        _refuse_older_database()
        print("Database: migrations", flush=True)
        call_command("migrate", verbosity=0)
    except (ImproperlyConfigured, CommandError) as error:
        sys.exit(f"The site cannot start: {_one_line(error)}")

    from django.conf import settings

    try:
        report = StringIO()
        call_command("bootstrap_ecommerce", stdout=report)
        print(report.getvalue().strip().rpartition("\n")[2], flush=True)
    except CommandError as error:
        print(f"Catalogue: not refreshed, or not all of it. {_one_line(error)}", flush=True)
    if settings.DEBUG:
        call_command("setup_demo", stdout=StringIO())
    print(_words(int(sys.argv[1])), flush=True)


def _refuse_older_database() -> None:
    """Exit if the database has migrations that were squashed into 0001_initial before the first release."""
    from django.conf import settings
    from django.db import connection
    from django.db.migrations.loader import MigrationLoader

    loader = MigrationLoader(connection)
    removed = loader.applied_migrations.keys() - loader.disk_migrations.keys()
    if any(app in ("ecommerce", "users") for app, _name in removed):
        sys.exit(
            "This database was made by a version before the first release, and its migrations were squashed since. "
            f"To start anew, move {settings.VAR_DIR} away (or empty the database of DATABASE_URL) and run `make run`."
        )


def _words(port: int) -> str:
    from django.conf import settings

    address = f"http://127.0.0.1:{port}"
    lines = ["", f"{settings.SITE_NAME} runs at  {address}/", f"Stripe:  {_mode()}", ""]
    if settings.TUNNEL_URL:
        lines.insert(2, f"and for everybody who knows the address: {settings.TUNNEL_URL}/")
    if settings.DEBUG:
        lines += [
            "Demo logins, password demo-shop-2026",
            "  ada@example.com       buys",
            f"  olive@example.com     runs the shop: {address}/admin/",
            "",
        ]
    if not settings.STRIPE_SECRET_KEY.startswith(("sk_live_", "rk_live_")):
        lines += [f"Test cards{CARDS}", ""]
    if settings.DEBUG:
        lines.append(f"Mail the site sends:    {address}/dev/mail/")
    if settings.STRIPE_SANDBOX:
        lines.append(f"Stripe's control panel: {address}/stripe-sandbox/")
    return "\n".join([*lines, "Stop with Ctrl-C.", ""])


def _mode() -> str:
    from django.conf import settings

    key = settings.STRIPE_SECRET_KEY
    if settings.STRIPE_SANDBOX:
        return "the offline sandbox, no account needed (keys go into .env)"
    if key.startswith(("sk_live_", "rk_live_")):
        return "LIVE. Cards are charged real money."
    if not key:
        return "no STRIPE_SECRET_KEY in .env, so nothing can be bought"
    webhook = "on" if settings.STRIPE_WEBHOOK_SECRET else "off: no STRIPE_WEBHOOK_SECRET"
    return f"test mode with your key from .env (webhook {webhook})"


def _one_line(value: object) -> str:
    return " · ".join(line.strip() for line in str(value).splitlines() if line.strip())


if __name__ == "__main__":
    main()
