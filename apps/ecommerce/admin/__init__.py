from . import catalogue, external_sales, files, operations, purchases  # noqa: F401
