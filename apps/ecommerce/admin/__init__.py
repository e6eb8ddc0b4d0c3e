from . import (  # noqa: F401
    catalogue,
    discount_codes,
    external_sales,
    files,
    lessons,
    licences,
    operations,
    purchases,
    withdrawals,
)
