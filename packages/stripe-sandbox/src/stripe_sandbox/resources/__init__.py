"""One module per resource: its API handlers, and `new(...)`, which builds and stores a complete object."""
