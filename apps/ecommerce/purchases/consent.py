"""The texts that buyers agree to before a checkout is started (setting CHECKOUT_CONSENT). See docs/consent.md.

A box is never ticked in advance. Its value names the text that the page showed: the text itself never comes from the
browser, so that a forged form can't change what the buyer agreed to.
"""

import html
import re
from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import sha256
from typing import Any

from django.conf import settings
from django.http import HttpRequest
from django.template.loader import render_to_string
from django.urls import reverse
from django.utils import timezone, translation
from django.utils.functional import Promise
from django.utils.html import strip_tags
from django.utils.translation import gettext_lazy as _

from apps.core.public_request import PublicRequest
from apps.ecommerce.models import Consent, LegalText, ProductConfiguration, Purchase
from apps.ecommerce.purchases.checkout_refusals import CheckoutRefused
from apps.users.guests import Buyer

MAX_VALUE_LENGTH = 60
MAIN = re.compile(r"<main\b[^>]*>(.*)</main>", re.DOTALL)
# The texts of the boxes, in HTML.
TEXTS: dict[str, str | Promise] = {
    Consent.Kind.TERMS: _('I accept the <a href="%(terms)s">terms of sale</a>.'),
    Consent.Kind.WITHDRAWAL: _(
        "I expressly agree that you begin to perform the contract before the end of the withdrawal period, and I know "
        "that I lose my right of withdrawal when you begin."
    ),
}
MISSING: dict[str, str | Promise] = {
    Consent.Kind.TERMS: _("Please accept the terms of sale before you buy."),
    Consent.Kind.WITHDRAWAL: _(
        "Please agree that we begin to perform the contract before the end of the withdrawal period."
    ),
}
OUTDATED = _("The text that you agreed to has changed. Please read it again before you buy.")


class ConsentMissing(CheckoutRefused):
    """The buyer has not ticked a box, or has ticked one with another text."""


@dataclass(frozen=True, slots=True)
class ConsentText:
    """A text in the language of the page."""

    kind: str
    language: str
    html: str
    version: str

    @property
    def field(self) -> str:
        return f"consent_{self.kind}"

    @property
    def value(self) -> str:
        digest = sha256(f"{self.version}\n{self.html}".encode()).hexdigest()
        return f"{self.language}.{digest[:16]}"

    @property
    def text(self) -> str:
        return html.unescape(strip_tags(self.html))


def consent_texts(*, is_free: bool = False) -> list[ConsentText]:
    """Return the texts that buyers must agree to, in the active language. Free products need no waiver."""
    kinds = [kind for kind in TEXTS if kind in settings.CHECKOUT_CONSENT]
    if is_free and Consent.Kind.WITHDRAWAL in kinds:
        kinds.remove(Consent.Kind.WITHDRAWAL)
    return [make_text(kind) for kind in kinds]


def consent_fields(form: Mapping[str, str]) -> dict[str, str]:
    """Return the ticked boxes of the form, to keep them until the buyer has signed in."""
    fields = (f"consent_{kind}" for kind in settings.CHECKOUT_CONSENT)
    return {field: form[field][:MAX_VALUE_LENGTH] for field in fields if form.get(field)}


def require_consent(
    form: Mapping[str, str], configuration: ProductConfiguration, price_id: str
) -> list[ConsentText]:
    """Return the texts that the buyer agreed to, as the page showed them. Raise ConsentMissing."""
    price = next((price for price in configuration.prices if price.id == price_id), None)
    texts = consent_texts(is_free=price is not None and price.costs_nothing)
    shown = {text.field: _find_shown(text, form.get(text.field, "")) for text in texts}
    if missing := [text for text in texts if shown[text.field] is None]:
        is_ticked = all(form.get(text.field) for text in missing)
        reasons = [OUTDATED] if is_ticked else [MISSING[text.kind] for text in missing]
        raise ConsentMissing(" ".join(map(str, reasons)))
    return [text for text in shown.values() if text]


def consent_values(request: HttpRequest, texts: list[ConsentText]) -> list[dict[str, Any]]:
    """Return the columns of the Consents, and store the terms themselves. They can be the argument of a task."""
    values = []
    for text in texts:
        document = None
        if text.kind == Consent.Kind.TERMS:
            document = LegalText.store(terms_text(request, text.language), text.language)
        row = {"kind": text.kind, "version": text.version, "text": text.text, "language": text.language}
        values.append({**row, "document_id": document.pk if document else None})
    return values


def store_consent(purchase: Purchase, values: list[dict[str, Any]]) -> None:
    """Store what the buyer agreed to. Consents that were given before are kept."""
    now = timezone.now()
    for row in values:
        Consent.objects.create(purchase=purchase, given_at=now, **row)


def store_consent_of_checkout(
    request: HttpRequest, buyer: Buyer, price_id: str, url: str, texts: list[ConsentText]
) -> None:
    """Store the consent for the purchase whose payment page has this URL, or for the free one."""
    purchases = Purchase.objects.for_user(buyer).filter(price=price_id)
    purchase = purchases.filter(checkout_url=url).first() or purchases.first()
    if texts and purchase:
        store_consent(purchase, consent_values(request, texts))


def terms_text(request: HttpRequest, language: str) -> str:
    """Return the page of the terms as plain text, in this language."""
    with translation.override(language):
        page = render_to_string("web/terms.html", request=PublicRequest(request, {}))
    main = MAIN.search(page)
    lines = html.unescape(strip_tags(main[1] if main else page)).splitlines()
    return "\n\n".join(" ".join(line.split()) for line in lines if line.strip())


def make_text(kind: str) -> ConsentText:
    text = str(TEXTS[kind]) % {"terms": reverse("terms")}
    version = settings.TERMS_VERSION if kind == Consent.Kind.TERMS else ""
    return ConsentText(kind, translation.get_language() or settings.LANGUAGE_CODE, text, version)


def _find_shown(asked: ConsentText, value: str) -> ConsentText | None:
    """Return the text that the value of a ticked box names, in the language of its page; None if it is unknown."""
    language = value.partition(".")[0]
    if language not in dict(settings.LANGUAGES):
        return None
    with translation.override(language):
        shown = make_text(asked.kind)
    return shown if shown.value == value else None
