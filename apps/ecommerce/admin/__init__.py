from . import catalogue, external_sales, files, lessons, operations, purchases  # noqa: F401
