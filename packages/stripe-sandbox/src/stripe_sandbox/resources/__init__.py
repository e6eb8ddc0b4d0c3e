"""One module per resource: its handlers for the API, and `new(...)`, which builds and stores a complete object."""
