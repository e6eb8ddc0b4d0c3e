from . import catalogue, external_sales, licences, operations, purchases  # noqa: F401
