"""billing-e2e against the sandbox: its own scenarios, and a year of billing. python billing_client.py PORT

It runs subscriptions on test clocks: renewals, failed payments, plan changes, cancellations. Its HTTP check asks an
app that only knows the webhooks. Print JSON lines: {"client": …, "api_version": …}, then
{"call": …, "error": …} for each scenario.
"""

import json
import os
import sys
import tempfile
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from importlib.metadata import version
from pathlib import Path
from threading import Thread
from xml.etree import ElementTree

import stripe
import stripe._stripe_client

URL, KEY = f"http://127.0.0.1:{sys.argv[1]}", "sk_test_clients"
stripe._stripe_client.DEFAULT_API_BASE = URL  # billing-e2e has no option for it
stripe.enable_telemetry = False

from billing_e2e import cli  # noqa: E402

YEAR = """
name: A year of billing
steps:
  - card: ok
  - subscribe: "{monthly_price}"
    params: {trial_period_days: 14, discounts: [{coupon: "{coupon}"}], metadata: {order: "42"}}
  - subscription: {status: trialing, metadata.order: "42"}
  - customer: {balance: 0}
  - advance: period_end
  - expect_event: customer.subscription.updated
  - subscription: {status: active}
  - invoice: {billing_reason: subscription_cycle, status: paid, amount_paid: 450}
"""
MONTH = """
  - advance: period_end
  - invoice: {billing_reason: subscription_cycle, status: paid, amount_paid: 900}
"""
END_OF_YEAR = """
  - check: {get: /paid, expect: {subscriptions.0: 12}}
  - cancel: now
  - expect_event: customer.subscription.deleted
  - subscription: {status: canceled}
"""
DUNNING = """
name: A card that fails for a week
steps:
  - card: ok
  - subscribe: "{monthly_price}"
  - card: fails_later
  - advance: period_end
  - expect_event: invoice.payment_failed
  - subscription: {status: past_due}
  - card: ok
  - advance: 1 week
  - expect_event: invoice.paid
  - subscription: {status: active}
  - invoice: {status: paid, amount_remaining: 0}
"""
paid: dict[str, int] = {}


class App(BaseHTTPRequestHandler):
    """Counts the paid invoices of each subscription, from webhooks only."""

    secret = ""

    def do_POST(self):
        body = self.rfile.read(int(self.headers["Content-Length"]))
        event = stripe.Webhook.construct_event(body, self.headers["Stripe-Signature"], self.secret)
        invoice = event.data.object
        if invoice.amount_paid:
            subscription = invoice.parent.subscription_details.subscription
            paid[subscription] = paid.get(subscription, 0) + 1
        self._answer({})

    def do_GET(self):
        self._answer({"subscriptions": sorted(paid.values(), reverse=True)})

    def _answer(self, answer):
        body = json.dumps(answer).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


def run(*arguments):
    sys.argv = ["billing-e2e", *arguments]
    try:
        return cli.main() or 0
    except SystemExit as end:
        return end.code or 0


def prepare():
    """Create prices, a coupon and a webhook endpoint. Write billing-e2e's files into the current folder."""
    v1 = stripe.StripeClient(KEY).v1
    prices = [
        v1.prices.create(
            {
                "currency": "usd",
                "unit_amount": amount,
                "recurring": {"interval": "month"},
                "product_data": {"name": name},
            }
        ).id
        for name, amount in (("Club", 900), ("Club Plus", 2900))
    ]
    coupon = v1.coupons.create({"percent_off": 50, "duration": "once"}).id
    server = ThreadingHTTPServer(("127.0.0.1", 0), App)
    Thread(target=server.serve_forever, daemon=True).start()
    app = f"http://127.0.0.1:{server.server_port}"
    endpoint = v1.webhook_endpoints.create(
        {"url": app, "enabled_events": ["invoice.paid"], "api_version": "2026-10-28.endive"}
    )
    App.secret = endpoint.secret
    run("init")
    config = Path("billing-e2e.yml")
    text = config.read_text().replace("price_your_monthly_plan", prices[0])
    text = text.replace("price_a_more_expensive_monthly_plan", prices[1])
    config.write_text(text.replace("http://localhost:8000", app) + f"  coupon: {coupon}\n")
    Path("scenarios/year.yml").write_text(YEAR + MONTH * 11 + END_OF_YEAR)
    Path("scenarios/dunning.yml").write_text(DUNNING)


def main():
    client = f"billing-e2e {version('billing-e2e')}, stripe-python {stripe.VERSION}"
    print(json.dumps({"client": client, "api_version": stripe.api_version}), flush=True)
    os.environ["STRIPE_TEST_KEY"] = KEY
    with tempfile.TemporaryDirectory() as folder:
        os.chdir(folder)
        prepare()
        failed = run("run", "--junit", "report.xml")
        for case in ElementTree.parse("report.xml").iter("testcase"):
            problems = [
                node.text or node.get("message", "") for node in case if node.tag in ("failure", "error")
            ]
            print(json.dumps({"call": case.get("name"), "error": " ".join(problems)}), flush=True)
        os.chdir("/")
    return failed


if __name__ == "__main__":
    sys.exit(main())
