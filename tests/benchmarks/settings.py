"""Production's settings with one application more: the bare views that everything is measured against."""

from config.settings import *  # noqa: F403

ROOT_URLCONF = "tests.benchmarks.urls"
STRIPE_HTTP_CLIENT = "tests.benchmarks.prepared_stripe.PreparedStripe"
