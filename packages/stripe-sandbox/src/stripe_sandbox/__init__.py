"""Stripe test mode on this machine, for people without a Stripe account and for tests. Start at api.py."""
