from . import catalogue, operations, purchases  # noqa: F401
