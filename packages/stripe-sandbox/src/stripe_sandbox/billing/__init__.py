"""Subscriptions and invoices over time, by the system clock or a test clock.

`due_dates` knows when an object is due next, `engine` processes due objects in order, `cycle` renews subscriptions,
`collection` collects invoices, `changes` applies updates, `panel_actions` serves the control panel.
"""
