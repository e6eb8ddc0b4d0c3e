"""https://docs.stripe.com/api/webhook_endpoints"""

from typing import Any

import stripe
from django.conf import settings

from .. import conf, errors, ids, shapes, storage
from ..calls import Call, change, load, unset
from ..delivery import OWN_ENDPOINT
from ..storage import Obj


def new(url: str, enabled_events: list[str], secret: str = "", **fields: Any) -> Obj:
    """A stored endpoint. Its secret is hidden with it."""
    defaults = {"enabled_events": enabled_events, "metadata": {}, "status": "enabled", "url": url}
    hidden = {"secret": secret or ids.new("webhook_secret")}
    return storage.put(shapes.new(stripe.WebhookEndpoint, defaults, fields), hidden=hidden)


def update_own() -> None:
    """Create, move or remove the endpoint that the settings name. Its secret is STRIPE_WEBHOOK_SECRET."""
    path = conf.get("WEBHOOK_PATH")
    url = conf.get("WEBHOOK_URL") or (settings.SITE_URL + path if path else "")
    known = storage.get(OWN_ENDPOINT)
    if not url:
        storage.delete(OWN_ENDPOINT)
    elif known:
        storage.update(OWN_ENDPOINT, url=url)
    else:
        about = {"description": "The endpoint of the settings", "api_version": stripe.api_version}
        new(url, ["*"], id=OWN_ENDPOINT, **about)


def create(call: Call) -> Obj:
    """POST /v1/webhook_endpoints: the only answer that shows the secret."""
    _check_url(call.params["url"])
    endpoint = new(**unset(call.params))
    return endpoint | {"secret": storage.hidden(endpoint["id"])["secret"]}


def update(call: Call) -> Obj:
    """POST /v1/webhook_endpoints/{id}"""
    params = dict(call.params)
    _check_url(params.get("url", "http:"))
    disabled = params.pop("disabled", None)
    more = {} if disabled is None else {"status": "disabled" if disabled else "enabled"}
    return change(load("webhook_endpoint", call.args["id"]), params, **more)


def delete(call: Call) -> Obj:
    """DELETE /v1/webhook_endpoints/{id}"""
    endpoint = load("webhook_endpoint", call.args["id"])
    storage.delete(endpoint["id"])
    return {"id": endpoint["id"], "object": "webhook_endpoint", "deleted": True}


def _check_url(url: str) -> None:
    if not url.startswith(("http:", "https:")):
        message = "Invalid URL: An explicit scheme (such as https) must be provided."
        raise errors.ApiError(message, code="url_invalid", param="url")
