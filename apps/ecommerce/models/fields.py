from typing import Any

from django.core.files.storage import Storage, storages
from django.db import models

STRIPE_ID_LENGTH = 255  # Stripe has no documented maximum; the longest ids have about 66 characters


class PrivateFileField(models.FileField):
    """Store files in the storage "private". Migrations see a FileField, because they must not import live code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"storage": private_storage})

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        del kwargs["storage"]
        return name, "django.db.models.FileField", args, kwargs


def private_storage() -> Storage:
    return storages["private"]
