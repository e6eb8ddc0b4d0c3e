from . import catalogue, external_sales, lessons, operations, purchases  # noqa: F401
