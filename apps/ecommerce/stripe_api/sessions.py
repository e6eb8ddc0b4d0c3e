import logging

import stripe

from apps.ecommerce.stripe_api.client import get_client

logger = logging.getLogger(__name__)


def expire_session(session_id: str) -> None:
    """Expire a Checkout Session, so that it can't be paid. https://docs.stripe.com/api/checkout/sessions/expire"""
    try:
        get_client().v1.checkout.sessions.expire(session_id)
    except stripe.InvalidRequestError as error:  # it was paid or expired before
        logger.info("Session %s could not be expired: %s", session_id, error)
