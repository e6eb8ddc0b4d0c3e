"""Answer requests to Stripe's REST API, for the HTTP view and for the in-process transport."""

import json
import logging
import time
from base64 import b64decode
from binascii import Error as BadBase64
from collections.abc import Mapping
from dataclasses import dataclass, field
from urllib.parse import unquote_plus

import stripe
from django.conf import settings

from . import (
    account_state,
    bootstrap,
    conf,
    errors,
    events,
    expand,
    forms,
    idempotency,
    ids,
    param_limits,
    params,
    permissions,
    routes,
    storage,
    switches,
    versions,
)
from .billing import clocks
from .calls import Call
from .route import Route
from .storage import Obj

_logger = logging.getLogger(__name__)
_ERROR_TYPES = {402: "card_error", 409: "idempotency_error"}


@dataclass
class Response:
    status: int
    body: bytes
    headers: dict[str, str] = field(default_factory=dict)


def handle(
    method: str, path: str, headers: Mapping[str, str], body: bytes, query: str, origin: str
) -> Response:
    """Answer one request. `path` starts with /v1/ and is percent-encoded. Hosted URLs begin with `origin`."""
    lowered = {name.lower(): value for name, value in headers.items()}
    request_id, key = ids.new("request"), lowered.get("idempotency-key", "") if method == "POST" else ""
    version, warning = lowered.get("stripe-version") or stripe.api_version, ""
    try:
        bootstrap.prepare()
        _apply_api_faults(method, path)
        api_key = _authenticate(lowered.get("authorization", ""))
        account_state.check_access(lowered.get("stripe-account") or lowered.get("stripe-context", ""))
        permissions.check(method, path, api_key, switches.current().missing_permissions)
        warning = versions.check(version)
        response = _dispatch(method, path, body, query, origin, key, request_id, version)
    except errors.ApiError as error:
        response = Response(error.status, _json(error.body()))
    except Exception:
        _logger.exception("Unexpected error in the sandbox: %s %s returns 500", method, path)
        response = Response(500, _json(_internal_error().body()))
    response.headers |= {
        "Content-Type": "application/json",
        "Request-Id": request_id,
        "Stripe-Version": version,
    }
    if warning:
        response.headers |= {"Stripe-Version": stripe.api_version, versions.WARNING_HEADER: warning}
    if key:
        response.headers["Idempotency-Key"] = key
    return response


def _apply_api_faults(method: str, path: str) -> None:
    if delay := switches.current().api_delay_seconds:
        time.sleep(delay)
    if fault := switches.consume_api_error(method, path):
        status = fault.api_status
        code = fault.api_code or ("rate_limit" if status == 429 else "")
        message = fault.api_message or "Simulated error (sandbox switch api_status)."
        kind = _ERROR_TYPES.get(status, "api_error" if status >= 500 else "invalid_request_error")
        raise errors.ApiError(message, status=status, code=code, kind=kind)


def _dispatch(
    method: str, path: str, body: bytes, query: str, origin: str, key: str, request_id: str, version: str
) -> Response:
    route, args = _route(method, path)
    tree = forms.decode(body.decode(errors="replace") if method == "POST" else query)
    tree = versions.upgrade_params(version, method, path, tree)
    call = Call(path, args, params.check(tree, route.schema, route.supported), origin)
    if method == "POST":
        param_limits.check(call.params, route.path)
    if key:
        replay = idempotency.begin(key, f"{method} {path}", tree, request_id)
        if replay:
            replay_headers = {"Idempotent-Replayed": "true", "Original-Request": replay.request_id}
            return Response(replay.status, replay.body, replay_headers)
    try:
        response = _perform(route, call, key, request_id, version)
    except errors.ApiError as error:
        response = Response(error.status, _json(error.body()))
        # Stripe does not store responses to requests that failed validation.
        if key and error.code.startswith("parameter_"):
            idempotency.abandon(key)
            return response
    except Exception:
        if key:
            idempotency.finish(key, 500, _json(_internal_error().body()))
        raise
    if key:
        idempotency.finish(key, response.status, response.body)
    return response


def _perform(route: Route, call: Call, key: str, request_id: str, version: str) -> Response:
    expand_paths, old = call.params.pop("expand", []), versions.get_old_fields(version)
    if route.method == "GET":
        return Response(
            200, _json(versions.downgrade(version, expand.expand(route.handler(call), expand_paths, old)))
        )
    token = events.current_request.set({"id": request_id, "idempotency_key": key or None})
    try:
        with storage.transaction(), clocks.request_time(call):
            try:
                obj = route.handler(call)
            except errors.Declined as error:  # inside the transaction, so that the attempt is committed
                return Response(error.status, _json(error.body()))
            obj = expand.expand(obj, expand_paths, old)
    finally:
        events.current_request.reset(token)
    return Response(200, _json(versions.downgrade(version, obj)))


def _authenticate(authorization: str) -> str:
    """Return the API key. Raise ApiError (401) if it is missing or invalid."""
    scheme, _, key = authorization.partition(" ")
    if scheme.lower() == "basic":
        try:
            key = b64decode(key, validate=True).decode().partition(":")[0]
        except (BadBase64, UnicodeDecodeError):
            key = ""
    if not key or scheme.lower() not in ("basic", "bearer"):
        message = (
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
            " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY'). See https://docs.stripe.com/api#authentication."
        )
        raise errors.ApiError(message, status=401)
    test_key = key.startswith(("sk_test_", "rk_test_"))
    if not test_key or not (conf.get("ANY_KEY") or key == settings.STRIPE_SECRET_KEY):
        shown = f"{key[:8]}{'*' * max(len(key) - 12, 0)}{key[-4:]}"
        raise errors.ApiError(f"Invalid API Key provided: {shown}", status=401)
    return key


def _route(method: str, path: str) -> tuple[Route, dict[str, str]]:
    for route in routes.ROUTES:
        if route.method == method and (match := route.regex.fullmatch(path)):
            return route, {name: unquote_plus(value) for name, value in match.groupdict().items()}
    message = (
        f"Unrecognized request URL ({method}: {path}). Please see https://docs.stripe.com."
        " (stripe_sandbox/routes.py lists the routes that the sandbox supports.)"
    )
    raise errors.ApiError(message, status=404)


def _internal_error() -> errors.ApiError:
    message = "Unexpected error in the sandbox. Its log contains the traceback."
    return errors.ApiError(message, status=500, kind="api_error")


def _json(obj: Obj) -> bytes:
    return json.dumps(obj).encode()
