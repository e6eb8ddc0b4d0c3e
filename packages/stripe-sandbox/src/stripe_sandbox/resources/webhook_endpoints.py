"""https://docs.stripe.com/api/webhook_endpoints"""

from typing import Any

import stripe
from django.conf import settings

from .. import conf, errors, ids, shapes, storage, versions
from ..calls import Call, change, empty_to_null, load
from ..delivery import STORE_ENDPOINT_ID
from ..storage import Obj


def new(url: str, enabled_events: list[str], secret: str = "", **fields: Any) -> Obj:
    defaults = {"enabled_events": enabled_events, "metadata": {}, "status": "enabled", "url": url}
    hidden = {"secret": secret or ids.new("webhook_secret")}
    return storage.put(shapes.new(stripe.WebhookEndpoint, defaults, fields), hidden=hidden)


def sync_store_endpoint() -> None:
    """Create, update or delete the endpoint of the settings. Its secret is STRIPE_WEBHOOK_SECRET."""
    path = conf.get("WEBHOOK_PATH")
    url = conf.get("WEBHOOK_URL") or (settings.SITE_URL + path if path else "")
    known = storage.get(STORE_ENDPOINT_ID)
    if not url:
        storage.delete(STORE_ENDPOINT_ID)
    elif known:
        storage.update(STORE_ENDPOINT_ID, url=url)
    else:
        fields = {"description": "The endpoint of the settings", "api_version": stripe.api_version}
        new(url, ["*"], id=STORE_ENDPOINT_ID, **fields)


def create(call: Call) -> Obj:
    """POST /v1/webhook_endpoints. No other response contains the secret.

    An unsupported `api_version` is listed in the control panel; its events have the newest shapes.
    """
    _check_url(call.params["url"])
    if version := call.params.get("api_version"):
        versions.check(version, "api_version")
    endpoint = new(**empty_to_null(call.params))
    return endpoint | {"secret": storage.get_hidden(endpoint["id"])["secret"]}


def update(call: Call) -> Obj:
    params = dict(call.params)
    _check_url(params.get("url", "http:"))
    disabled = params.pop("disabled", None)
    more = {} if disabled is None else {"status": "disabled" if disabled else "enabled"}
    return change(load("webhook_endpoint", call.args["id"]), params, **more)


def delete(call: Call) -> Obj:
    endpoint = load("webhook_endpoint", call.args["id"])
    storage.delete(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _check_url(url: str) -> None:
    if not url.startswith(("http:", "https:")):
        message = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise errors.ApiError(message, code="url_invalid", param="url")
