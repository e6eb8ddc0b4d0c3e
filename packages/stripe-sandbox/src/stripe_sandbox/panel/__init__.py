"""The control panel: a small Dashboard for the sandbox."""
