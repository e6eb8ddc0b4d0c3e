from pathlib import PurePosixPath
from typing import Any

from django.core.files.storage import Storage, storages
from django.db import models

STRIPE_ID_LENGTH = 255  # Stripe has no documented maximum; the longest ids have about 66 characters
MAX_NAME_BYTES = 150  # of a file name; most file systems allow 255
MAX_SUFFIX_BYTES = 20


class PrivateFileField(models.FileField):
    """Store files in the storage "private". Migrations see a FileField, because they must not import live code."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs | {"storage": private_storage})

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        del kwargs["storage"]
        return name, "django.db.models.FileField", args, kwargs

    def generate_filename(self, instance: Any, filename: Any) -> str:
        return super().generate_filename(instance, shorten_filename(str(filename)))


def shorten_filename(filename: str) -> str:
    """Return the name within MAX_NAME_BYTES. Its suffix is kept, because it is the type."""
    path = PurePosixPath(filename)
    suffix = path.suffix if len(path.suffix.encode()) <= MAX_SUFFIX_BYTES else ""
    stem = path.name.removesuffix(suffix).encode()[: MAX_NAME_BYTES - len(suffix.encode())]
    return str(path.with_name(f"{stem.decode(errors='ignore')}{suffix}"))


def private_storage() -> Storage:
    return storages["private"]
