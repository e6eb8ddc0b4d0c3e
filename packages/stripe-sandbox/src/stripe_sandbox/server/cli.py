"""`stripe-sandbox serve`: run the sandbox on its own port, for programs in any language."""

import argparse
import os
import sys
from collections.abc import Sequence

LOOPBACK = ("127.0.0.1", "localhost", "::1")


def main(arguments: Sequence[str] | None = None) -> None:
    options = _parser().parse_args(arguments)
    host = f"[{options.host}]" if ":" in options.host else options.host
    os.environ |= {
        "DJANGO_SETTINGS_MODULE": "stripe_sandbox.server.settings",
        "STRIPE_SANDBOX_URL": f"http://{host}:{options.port}",
        "STRIPE_SANDBOX_ALLOWED_HOSTS": "" if options.host in LOOPBACK else "*",
        "STRIPE_SANDBOX_DB": options.database,
        "STRIPE_SANDBOX_DEMO": "true" if options.demo else "",
        "STRIPE_SANDBOX_WEBHOOK_URL": options.webhook,
        "STRIPE_SANDBOX_WEBHOOK_SECRET": options.secret,
    }
    _serve(options.host, options.port)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="stripe-sandbox", description="Stripe test mode on your own machine."
    )
    serve = parser.add_subparsers(dest="command", required=True).add_parser(
        "serve", help="serve the API, the hosted pages and the control panel"
    )
    serve.add_argument("--host", default="127.0.0.1", help="address to listen on (default: %(default)s)")
    serve.add_argument("--port", type=int, default=12111, help="port to listen on (default: %(default)s)")
    serve.add_argument(
        "--webhook", default="", metavar="URL", help="your webhook endpoint, which receives every event"
    )
    serve.add_argument("--secret", default="whsec_sandbox", help="its signing secret (default: %(default)s)")
    serve.add_argument(
        "--database",
        default="stripe_sandbox.sqlite3",
        metavar="FILE",
        help="SQLite file (default: %(default)s)",
    )
    serve.add_argument("--demo", action="store_true", help="start a new file with a demo catalogue")
    return parser


def _serve(host: str, port: int) -> None:
    import django
    from django.conf import settings
    from django.contrib.staticfiles.handlers import StaticFilesHandler
    from django.core.exceptions import ImproperlyConfigured
    from django.core.servers.basehttp import run
    from django.core.wsgi import get_wsgi_application

    django.setup()
    from .. import bootstrap, scheduler
    from ..resources import webhook_endpoints

    try:
        application = StaticFilesHandler(get_wsgi_application())
    except ImproperlyConfigured as error:  # raised for a live key
        sys.exit(str(error))
    bootstrap.prepare()
    webhook_endpoints.sync_store_endpoint()  # the file may be from a start with another --webhook
    scheduler.start()

    def announce(_port: str) -> None:
        print(f"API base URL:  {settings.SITE_URL}", flush=True)
        print(f"Control panel: {settings.SITE_URL}/stripe-sandbox/", flush=True)

    try:
        run(host, port, application, ipv6=":" in host, threading=True, on_bind=announce)
    except OSError as error:
        sys.exit(f"Cannot listen on {host}:{port}: {error.strerror}")
    except KeyboardInterrupt:
        pass


if __name__ == "__main__":
    main()
