"""Subscriptions and invoices as time passes, by the system clock or a test clock.

`due_dates` finds what is due next, `engine` processes it in order, `cycle` renews subscriptions, `collection` charges
invoices, `changes` updates subscriptions, `panel_actions` is for the control panel.
"""
