"""Subscriptions and invoices as time passes, by the system clock or a test clock.

`due_dates` finds what is due next, `engine` processes it in order with `due_actions`, `cycle` renews subscriptions,
`collection` charges invoices, `changes` updates subscriptions with `items` and `proration`, `preview` previews
invoices, `panel_actions` is for the control panel.
"""
