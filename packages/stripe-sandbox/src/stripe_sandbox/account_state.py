"""The account's id, and whether it can sell: two switches of the control panel. https://docs.stripe.com/get-started/account/activate"""

from . import errors, switches

ID = "acct_1SandboxAccount"
NO_CHARGES = (
    "Your account cannot currently make live charges. If you are a customer trying to make a purchase, please contact"
    " the owner of this site. Your transaction has not been processed."
)
NO_NAME = "In order to use Checkout, you must set an account or business name at https://dashboard.stripe.com/account."


def check_access(account_id: str) -> None:
    """Raise ApiError for the id of another account. "" is this account."""
    if account_id not in ("", ID):
        message = (
            f"The provided key does not have access to account '{account_id}' (or that account does not exist)."
            " Application access may have been revoked."
        )
        raise errors.ApiError(message, code="account_invalid", status=403)


def check_checkout() -> None:
    """Raise ApiError if the account cannot create Checkout Sessions."""
    check_charges()
    if switches.current().no_business_name:
        raise errors.ApiError(NO_NAME)


def check_charges() -> None:
    if switches.current().cannot_charge:
        raise errors.ApiError(NO_CHARGES, code="testmode_charges_only")
