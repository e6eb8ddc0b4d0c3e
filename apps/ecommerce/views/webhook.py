import logging

import stripe
from django.conf import settings
from django.http import Http404, HttpRequest, HttpResponse
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_POST

from apps.ecommerce import webhooks
from apps.ecommerce.stripe_api.transport import stripe_deadline

logger = logging.getLogger(__name__)


@csrf_exempt  # the signature authenticates the sender
@require_POST
def stripe_webhook(request: HttpRequest) -> HttpResponse:
    """Respond 200: done or ignored, 400: not signed by Stripe, 404: endpoint is off, 500: Stripe should retry."""
    if not settings.STRIPE_WEBHOOK_SECRET:
        raise Http404("STRIPE_WEBHOOK_SECRET is not set, so the webhook endpoint is off.")
    try:
        event = webhooks.verify(request.body, request.headers.get("Stripe-Signature", ""))
    except stripe.SignatureVerificationError:
        return HttpResponse("The signature does not match STRIPE_WEBHOOK_SECRET.\n", status=400)
    except ValueError:
        return HttpResponse("The body is not a Stripe event.\n", status=400)
    try:
        with stripe_deadline():
            webhooks.receive(event)
    except Exception:
        logger.exception("Event %s (%s) could not be processed", event["id"], event["type"])
        message = "The event was recorded but could not be processed. Please deliver it again.\n"
        return HttpResponse(message, status=500)
    return HttpResponse("ok\n")
