"""One module for each resource: the handlers of its API, and `new(...)`, which stores a complete object."""
