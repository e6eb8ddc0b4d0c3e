"""The control panel, a small version of Stripe's Dashboard."""
