"""Production settings with Stripe responses from memory."""

from config.settings import *  # noqa: F403

STRIPE_HTTP_CLIENT = "tests.benchmarks.prepared_stripe.PreparedStripe"
