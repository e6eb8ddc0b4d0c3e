from . import catalogue, discount_codes, external_sales, files, lessons, licences, operations, purchases  # noqa: F401
