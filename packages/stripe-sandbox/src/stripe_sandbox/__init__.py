"""A local copy of Stripe's test mode, for development without a Stripe account and for tests. Start at api.py."""
