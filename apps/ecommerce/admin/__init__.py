from . import catalogue, external_sales, operations, purchases  # noqa: F401
