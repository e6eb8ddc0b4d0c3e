"""The billing engine: what time does to subscriptions and invoices, by the wall clock or by a test clock.

`due_dates` knows when something is due next, `engine` does what is due in order of time, `cycle` turns the periods of a
subscription, `collection` gets an invoice paid, `changes` are a person's or the API's, `panel_actions` are those of the
control panel.
"""
