"""Test cards and their outcomes. https://docs.stripe.com/testing and https://docs.stripe.com/declines/codes

Each payment method `pm_card_<method>` is a card. `card_countries.py` lists cards of more countries.
The fingerprint of a card depends on its number only, so that a payment method or charge leads to its row in TABLE.
"""

import hashlib
from dataclasses import dataclass

from . import card_countries
from .card_numbers import (
    detect_brand,
    group_digits,
)


@dataclass(frozen=True)
class Decline:
    code: str
    decline_code: str | None
    message: str
    outcome: str = "issuer_declined"

    @property
    def page_message(self) -> str:
        """Return the message on the hosted page. For a generic decline it is not the message of the API."""
        return "Your card has been declined." if self.message == GENERIC_TEXT else self.message


@dataclass(frozen=True)
class Card:
    """A test card. `challenge` requires 3D Secure; if `is_set_up`, not for payments without the buyer.

    `follow_up` is an action after the payment, such as a dispute; `checks` are results, such as "cvc=fail".
    """

    number: str
    label: str
    decline: Decline | None = None
    challenge: bool = False
    follow_up: str = ""
    brand: str = "visa"
    funding: str = "credit"
    country: str = "US"
    method: str = ""
    risk: str = "normal"
    checks: str = ""
    is_set_up: bool = False

    @property
    def check_results(self) -> dict[str, str]:
        """Return the field `checks` of the card, without checks of fields that the buyer did not fill in."""
        results = dict(result.split("=") for result in f"cvc=pass {self.checks}".split())
        return {f"{name}_check": value for name, value in results.items()}

    @property
    def last4(self) -> str:
        return self.number[-4:]

    @property
    def fingerprint(self) -> str:
        return hashlib.sha256(self.number.encode()).hexdigest()[:16]

    @property
    def formatted_number(self) -> str:
        return group_digits(self.number)


GENERIC_TEXT = "Your card was declined."
GENERIC = Decline("card_declined", "generic_decline", GENERIC_TEXT)
INSUFFICIENT = Decline("card_declined", "insufficient_funds", "Your card has insufficient funds.")
LOST = Decline("card_declined", "lost_card", GENERIC_TEXT)
STOLEN = Decline("card_declined", "stolen_card", GENERIC_TEXT)
EXPIRED = Decline("expired_card", None, "Your card has expired.")
CVC = Decline("incorrect_cvc", None, "Your card's security code is incorrect.")
PROCESSING = Decline(
    "processing_error", None, "An error occurred while processing your card. Try again in a little bit."
)
VELOCITY = Decline(
    "card_declined",
    "card_velocity_exceeded",
    "Your card was declined for making repeated attempts too frequently or exceeding its amount limit.",
)
BLOCKED = Decline("card_declined", "fraudulent", GENERIC_TEXT, outcome="blocked")
NOT_A_TEST_CARD = Decline(
    "card_declined",
    "test_mode_live_card",
    "Your card was declined. Your request was in test mode, but used a non test card. "
    "For a list of valid test cards, visit: https://stripe.com/docs/testing.",
)

# fmt: off
TABLE: tuple[Card, ...] = (
    Card("4242424242424242", "Succeeds", method="visa"),
    Card("4000056655665556", "Succeeds, Visa debit", funding="debit", method="visa_debit"),
    Card("5555555555554444", "Succeeds, Mastercard", brand="mastercard", method="mastercard"),
    Card("2223003122003222", "Succeeds, Mastercard (2-series)", brand="mastercard"),
    Card("5200828282828210", "Succeeds, Mastercard debit", brand="mastercard", funding="debit",
         method="mastercard_debit"),
    Card("5105105105105100", "Succeeds, Mastercard prepaid", brand="mastercard", funding="prepaid",
         method="mastercard_prepaid"),
    Card("378282246310005", "Succeeds, American Express", brand="amex", method="amex"),
    Card("371449635398431", "Succeeds, American Express", brand="amex"),
    Card("6011111111111117", "Succeeds, Discover", brand="discover", method="discover"),
    Card("6011000990139424", "Succeeds, Discover", brand="discover"),
    Card("6011981111111113", "Succeeds, Discover debit", brand="discover", funding="debit"),
    Card("3056930009020004", "Succeeds, Diners Club", brand="diners", method="diners"),
    Card("36227206271667", "Succeeds, Diners Club (14 digits)", brand="diners"),
    Card("6555900000604105", "Succeeds, BCcard and DinaCard", brand="discover"),
    Card("3566002020360505", "Succeeds, JCB", brand="jcb", country="JP", method="jcb"),
    Card("3530111333300000", "Succeeds, JCB", brand="jcb", country="JP"),
    Card("6200000000000005", "Succeeds, UnionPay", brand="unionpay", country="CN", method="unionpay"),
    Card("6200000000000047", "Succeeds, UnionPay debit", brand="unionpay", country="CN", funding="debit"),
    Card("6205500000000000004", "Succeeds, UnionPay (19 digits)", brand="unionpay", country="CN"),
    Card("4000002500001001", "Succeeds, Cartes Bancaires and Visa", country="FR", method="visa_cartesBancaires"),
    Card("5555552500001001", "Succeeds, Cartes Bancaires and Mastercard", brand="mastercard", country="FR",
         method="mastercard_cartesBancaires"),
    Card("4000050360000001", "Succeeds, eftpos and Visa", country="AU", funding="debit",
         method="visa_debit_eftposAuCoBranded"),
    Card("5555050360000080", "Succeeds, eftpos and Mastercard", brand="mastercard", country="AU", funding="debit",
         method="mastercard_debit_eftposAuCoBranded"),
    Card("5062210000000009", "Succeeds, Carnet", brand="unknown", country="MX"),
    Card("5200007840000022", "Succeeds, Mastercard of AE", brand="mastercard", country="AE", method="ae_mastercard"),
    Card("5555558265554449", "Succeeds, Mastercard of GB", brand="mastercard", country="GB", method="gb_mastercard"),
    Card("4000058260000005", "Succeeds, debit card of GB", country="GB", funding="debit", method="gb_debit"),
    Card("4000057640000008", "Succeeds, debit card of TH", country="TH", funding="debit", method="th_debit"),
    Card("4000051230000072", "Succeeds, FSA or HSA", funding="debit", method="debit_visaFsaProductCode"),
    Card("5200828282828897", "Succeeds, FSA, Mastercard", brand="mastercard", funding="debit",
         method="mastercard_debit_mastercardFsaProductCode"),
    Card("4000000000000077", "Succeeds, available at once", method="bypassPending"),
    Card("4000003720000278", "Succeeds, available at once, IE", country="IE", method="bypassPendingInternational"),
    Card("4000000000000002", "Declined", decline=GENERIC, method="visa_chargeDeclined"),
    Card("4000000000009995", "Insufficient funds", decline=INSUFFICIENT,
         method="visa_chargeDeclinedInsufficientFunds"),
    Card("4000000000009987", "Declined, lost card", decline=LOST, method="visa_chargeDeclinedLostCard"),
    Card("4000000000009979", "Declined, stolen card", decline=STOLEN, method="visa_chargeDeclinedStolenCard"),
    Card("4000000000000069", "Declined, expired card", decline=EXPIRED, method="chargeDeclinedExpiredCard"),
    Card("4000000000000127", "Declined, wrong security code", decline=CVC, method="chargeDeclinedIncorrectCvc"),
    Card("4000000000000119", "Declined, processing error", decline=PROCESSING,
         method="chargeDeclinedProcessingError"),
    Card("4000000000006975", "Declined, used too often", decline=VELOCITY,
         method="visa_chargeDeclinedVelocityLimitExceeded"),
    Card("4100000000000019", "Blocked as fraud", decline=BLOCKED, method="radarBlock"),
    Card("4000000000004954", "Blocked, highest risk", decline=BLOCKED, method="riskLevelHighest"),
    Card("4000000000009235", "Succeeds, elevated risk", risk="elevated", method="riskLevelElevated"),
    Card("4000008400000407", "Succeeds, high score of fraud disputes", method="highFraudDisputeScore"),
    Card("4000008400000159", "Succeeds, high score of fraud warnings", method="highEfwScore"),
    Card("4000008400001017", "Succeeds, dynamic risk threshold", method="radarDynamicRiskThreshold"),
    Card("4001858821843804", "Succeeds, free trial abuse", method="freeTrialAbuseBlock"),
    Card("4000008405600003", "Succeeds, adaptive 3D Secure", method="adaptive3dsChallenge"),
    Card("4000000000000101", "Succeeds, security code check fails", checks="cvc=fail", method="cvcCheckFail"),
    Card("4000000000000036", "Succeeds, postal code check fails", checks="address_postal_code=fail",
         method="avsZipFail"),
    Card("4000058400307872", "Succeeds, elevated risk, security code check fails", checks="cvc=fail",
         risk="elevated", method="cvcCheckFailElevatedRisk"),
    Card("4000058400306072", "Succeeds, elevated risk, postal code check fails", checks="address_postal_code=fail",
         risk="elevated", method="avsZipFailElevatedRisk"),
    Card("4000000000000028", "Succeeds, address check fails", checks="address_line1=fail", method="avsLine1Fail"),
    Card("4000000000000010", "Succeeds, both address checks fail",
         checks="address_line1=fail address_postal_code=fail", method="avsFail"),
    Card("4000000000000044", "Succeeds, address checks unavailable",
         checks="address_line1=unavailable address_postal_code=unavailable", method="avsUnchecked"),
    Card("4000000000001208", "Succeeds (without a captcha)"),
    Card("4000000000003725", "Succeeds (without a captcha)"),
    Card("4000002500003155", "3D Secure, unless set up before", challenge=True, is_set_up=True,
         method="authenticationRequiredOnSetup"),
    Card("4000002760003184", "3D Secure", challenge=True, method="authenticationRequired"),
    Card("4000003800000446", "3D Secure, already set up", challenge=True, is_set_up=True,
         method="authenticationRequiredSetupForOffSession"),
    Card("4000008260003178", "3D Secure, then insufficient funds", challenge=True, decline=INSUFFICIENT,
         method="authenticationRequiredChargeDeclinedInsufficientFunds"),
    Card("4000000000003220", "3D Secure 2", challenge=True, method="threeDSecure2Required"),
    Card("4000008400000027", "3D Secure 2, US", challenge=True),
    Card("4000008400001629", "3D Secure, then declined", challenge=True, decline=GENERIC,
         method="threeDSecureRequiredChargeDeclined"),
    Card("4000008400001280", "Declined, 3D Secure not available", decline=GENERIC,
         method="threeDSecureRequiredProcessingError"),
    Card("4000000000003055", "Succeeds, 3D Secure supported but not required", method="threeDSecureOptional"),
    Card("4000000000003097", "Succeeds, 3D Secure not available and not required",
         method="threeDSecureOptionalProcessingError"),
    Card("4000000032200000", "Succeeds, 3D Secure without a challenge"),
    Card("4000582600000094", "Succeeds, out of band challenge in mobile apps"),
    Card("4000582600000045", "Succeeds, passcode challenge in mobile apps"),
    Card("4000582600000102", "Succeeds, single select challenge in mobile apps"),
    Card("4000582600000110", "Succeeds, multi select challenge in mobile apps"),
    Card("4000000000000341", "Succeeds, renewals fail", follow_up="renewal_declined", method="chargeCustomerFail"),
    Card("4000000000000259", "Succeeds, then disputed as fraud", follow_up="dispute_fraudulent",
         method="createDispute"),
    Card("4000000000002685", "Succeeds, then disputed as not received", follow_up="dispute_not_received",
         method="createDisputeProductNotReceived"),
    Card("4000000000001976", "Succeeds, then an inquiry", follow_up="dispute_inquiry", method="createDisputeInquiry"),
    Card("4000000000005423", "Succeeds, then an early fraud warning", follow_up="early_fraud_warning",
         method="createIssuerFraudRecord"),
    Card("4000000404000079", "Succeeds, then disputed (only once, not several times)",
         follow_up="dispute_fraudulent", method="createMultipleDisputes"),
    Card("4000000404000038", "Succeeds, then disputed as fraud (Compelling Evidence 3.0)",
         follow_up="dispute_fraudulent", method="createCe3EligibleDispute"),
    Card("4000008400000779", "Succeeds, then a compliance dispute", follow_up="dispute_noncompliant",
         method="createComplianceDispute"),
    Card("5105008400000002", "Succeeds, then a compliance dispute", brand="mastercard",
         follow_up="dispute_noncompliant", method="createMastercardComplianceDispute"),
    Card("4000000001000043", "Succeeds, then disputed as fraud (Smart Disputes)", follow_up="dispute_fraudulent",
         method="createAutoRepresentmentEligibleDispute"),
    Card("4000000000007726", "Succeeds, refund takes a while", follow_up="refund_pending", method="pendingRefund"),
    Card("4000000000005126", "Succeeds, refund fails later", follow_up="refund_fails", method="refundFail"),
    *card_countries.build(Card),
)
# fmt: on
BY_NUMBER = {card.number: card for card in TABLE}
BY_TOKEN = {f"pm_card_{card.method}": card for card in TABLE if card.method}
BY_TOKEN |= {
    f"pm_card_{alias}": BY_TOKEN[f"pm_card_{token}"]
    for alias, token in {
        "us": "visa", "amex_threeDSecureNotSupported": "amex", "threeDSecureRequired": "threeDSecure2Required",
        "chargeDeclined": "visa_chargeDeclined", "debit_visaHsaProductCode": "debit_visaFsaProductCode",
        "chargeDeclinedInsufficientFunds": "visa_chargeDeclinedInsufficientFunds",
    }.items()
}  # fmt: skip
BY_FINGERPRINT = {card.fingerprint: card for card in TABLE}
SUGGESTED = tuple(
    BY_NUMBER[number]
    for number in ("4242424242424242", "4000000000000002", "4000000000009995", "4000002760003184")
)


def find_by_number(number: str) -> Card:
    """Return the test card. Other numbers are declined, as in Stripe's test mode."""
    unknown = Card(number, "Not a test card", decline=NOT_A_TEST_CARD, brand=detect_brand(number))
    return BY_NUMBER.get(number, unknown)


def find_by_fingerprint(fingerprint: str) -> Card:
    return BY_FINGERPRINT.get(fingerprint, TABLE[0])
