from typing import Any
from uuid import UUID

from django.db import models

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without letters and digits that look alike
PREFIX = "W"
LENGTH = 8


def order_number(public_id: UUID) -> str:
    """Return the order number of a purchase, "W-7K3F-92QM". A restored purchase has the same number again."""
    letters, rest = "", public_id.int
    for _ in range(LENGTH):
        rest, digit = divmod(rest, len(ALPHABET))
        letters += ALPHABET[digit]
    return f"{PREFIX}-{letters[:4]}-{letters[4:]}"


class OrderNumberField(models.CharField):
    """Fill an empty order number from `public_id`, in bulk_create too. Migrations see a CharField."""

    def pre_save(self, model_instance: Any, add: bool) -> str:
        value = getattr(model_instance, self.attname) or order_number(model_instance.public_id)
        setattr(model_instance, self.attname, value)
        return str(value)

    def deconstruct(self) -> Any:
        name, _path, args, kwargs = super().deconstruct()
        return name, "django.db.models.CharField", args, kwargs


def parse_public_id(text: object) -> UUID | None:
    try:
        return UUID(str(text))
    except ValueError:
        return None
