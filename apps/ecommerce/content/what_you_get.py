"""The list of what buyers of a product get, for its page in the store. All visitors see the same."""

from dataclasses import dataclass
from datetime import datetime

from apps.ecommerce.content.files import ListedFile, list_files
from apps.ecommerce.models import ProductConfiguration


@dataclass(frozen=True, slots=True)
class WhatYouGet:
    features: list[str]
    files: list[ListedFile]

    @property
    def updated_at(self) -> datetime | None:
        """Return when the newest version of a file was added."""
        return max((listed.newest.created_at for listed in self.files), default=None)

    def __bool__(self) -> bool:
        return bool(self.features or self.files)


def what_you_get(configuration: ProductConfiguration) -> WhatYouGet:
    return WhatYouGet(list(configuration.product.features), list_files(configuration))
