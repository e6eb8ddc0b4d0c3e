from uuid import UUID

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
