from . import catalogue, external_sales, lessons, licences, operations, purchases  # noqa: F401
