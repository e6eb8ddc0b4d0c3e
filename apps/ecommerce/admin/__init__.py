from . import catalogue, external_sales, files, lessons, licences, operations, purchases  # noqa: F401
