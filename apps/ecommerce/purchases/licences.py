"""Assign licence keys to purchases. Keys are valid while the purchase grants access; see content/licence_checks.py."""

from collections.abc import Iterable

from django.conf import settings
from django.db import transaction
from django.db.models import Exists, OuterRef
from django.utils import timezone
from django.utils.crypto import salted_hmac

from apps.ecommerce.models import LicenceKey, Mail, ProductConfiguration, Purchase, PurchaseQuerySet
from apps.ecommerce.purchases.emails.queue import queue_email
from apps.ecommerce.purchases.entitlements import purchases_with_access

ALPHABET = "23456789ABCDEFGHJKMNPQRSTUVWXYZ"  # without 0 and O, 1, I and L
GROUPS, GROUP_LENGTH = 5, 5  # 25 characters, 123 random bits


def issue_licence_key(purchase: Purchase) -> LicenceKey | None:
    """Assign a key to the purchase, if its product has licence keys and it has none. Return the new key.

    Call it in the transaction that grants access. If no key of the list is left, the founder gets an alert, and
    issue_missing_keys gives the purchase a key later.
    """
    with_keys = ProductConfiguration.objects.exclude(licence_keys="")
    configuration = with_keys.filter(product=purchase.product_id).first()
    if configuration is None or purchase.is_waiting or LicenceKey.objects.for_purchase(purchase).exists():
        return None
    return _issue(configuration, purchase)


def issue_missing_keys() -> int:
    """Assign keys to purchases that had to wait for them, and e-mail their buyers. Return how many still wait."""
    for pk in list(purchases_without_key().values_list("pk", flat=True)):
        with transaction.atomic():
            purchase = Purchase.objects.select_for_update().get(pk=pk)
            if key := issue_licence_key(purchase):
                queue_email(purchase, Mail.Kind.LICENCE_KEY, f"key {key.pk}")
    return purchases_without_key().count()


def purchases_without_key() -> PurchaseQuerySet:
    """Return the purchases with access to a product with licence keys that have no key, oldest first."""
    keys = LicenceKey.objects.filter(
        purchase=OuterRef("pk"), configuration__product=OuterRef("product"), replaced_at=None
    )
    sold = purchases_with_access().filter(product__configuration__licence_keys__gt="")
    reached = sold.exclude(granted_at__isnull=False, claimed_at=None)
    return reached.exclude(Exists(keys)).order_by("created_at", "pk")


def replace_licence_key(key: LicenceKey) -> LicenceKey | None:
    """Replace the buyer's key, for example because the key was published. Return it; None if none is left."""
    with transaction.atomic():
        locked = LicenceKey.objects.select_for_update().select_related("configuration").get(pk=key.pk)
        if locked.purchase is None or locked.replaced_at:
            return None
        locked.replaced_at = timezone.now()
        locked.save(update_fields=["replaced_at"])
        issued = _issue(locked.configuration, locked.purchase)
        if issued is None:
            transaction.set_rollback(True)  # the buyer keeps the key
        else:
            queue_email(locked.purchase, Mail.Kind.LICENCE_KEY, f"key {issued.pk}")
    return issued


def add_keys(configuration: ProductConfiguration, keys: Iterable[str]) -> int:
    """Store keys for later sales. Return how many are new: keys that exist, also of other products, are not added."""
    before = LicenceKey.objects.count()
    rows = [LicenceKey(configuration=configuration, key=key) for key in keys]
    LicenceKey.objects.bulk_create(rows, batch_size=500, ignore_conflicts=True)
    return LicenceKey.objects.count() - before


def _issue(configuration: ProductConfiguration, purchase: Purchase) -> LicenceKey | None:
    values = {"purchase": purchase, "issued_at": timezone.now()}
    if configuration.licence_keys == ProductConfiguration.LicenceKeys.GENERATED:
        return configuration.issued_keys.create(key=_generate_key(configuration, purchase), **values)
    unsold = configuration.issued_keys.filter(purchase=None).order_by("pk")
    # Skip rows that another sale is taking just now.
    key = unsold.select_for_update(skip_locked=True).first()
    if key:
        LicenceKey.objects.filter(pk=key.pk).update(**values)
        key.refresh_from_db()
    return key


def _generate_key(configuration: ProductConfiguration, purchase: Purchase) -> str:
    """Return the same key again if a restored backup does not have it; another one for a replaced key."""
    number = configuration.issued_keys.filter(purchase=purchase).count()
    text = f"{configuration.product_id} {purchase.public_id} {number}"
    secret = settings.LICENCE_SIGNING_KEY or settings.SECRET_KEY
    rest = int.from_bytes(salted_hmac("licence key", text, secret=secret, algorithm="sha256").digest())
    letters = ""
    for _ in range(GROUPS * GROUP_LENGTH):
        rest, place = divmod(rest, len(ALPHABET))
        letters += ALPHABET[place]
    return "-".join(letters[start : start + GROUP_LENGTH] for start in range(0, len(letters), GROUP_LENGTH))
