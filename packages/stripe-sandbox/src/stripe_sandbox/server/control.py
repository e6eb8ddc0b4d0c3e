"""The control API, which README.md documents: the actions of the control panel as JSON.

A body must be application/json: a form on another site cannot send that.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from .. import bootstrap, delivery, errors, formatting, permissions, presentment, storage, switches
from ..panel import actions
from ..storage import Obj

View = Callable[..., dict[str, Any]]
WEBHOOK_SWITCHES = {"delay_seconds", "late_seconds", "duplicate", "reorder", "drop", "fail_next_n"}
API_SWITCHES = {"api_status", "api_times", "api_path", "api_code", "api_message", "api_delay_seconds"}
CHECKOUT_SWITCHES = {"presentment_currency"}
ACCOUNT_SWITCHES = {"cannot_charge", "no_business_name", "low_balance", "missing_permissions"}


def json_view(*methods: str) -> Callable[[View], Callable[..., JsonResponse]]:
    """Decorate a view that gets the JSON body as `params`. Respond with the dict that it returns, or its ApiError."""

    def decorate(view: View) -> Callable[..., JsonResponse]:
        @csrf_exempt
        @wraps(view)
        def answer(request: HttpRequest, *args: Any, **kwargs: Any) -> JsonResponse:
            try:
                return JsonResponse(view(_params(request, methods), *args, **kwargs))
            except errors.ApiError as error:
                return JsonResponse(error.body(), status=error.status)

        return answer

    return decorate


def _params(request: HttpRequest, methods: tuple[str, ...]) -> dict[str, Any]:
    if request.method not in methods:
        raise errors.ApiError(f"Use {' or '.join(methods)}.", status=405)
    if request.method == "GET":
        return {}
    if request.content_type != "application/json":
        raise errors.ApiError("The Content-Type must be application/json.", status=415)
    try:
        params = json.loads(request.body or "{}")
    except ValueError as error:
        raise errors.ApiError(f"The body is not valid JSON: {error}") from None
    if not isinstance(params, dict):
        raise errors.ApiError("The body must be a JSON object.")
    return params


@json_view("POST")
def reset(params: dict[str, Any]) -> dict[str, Any]:
    _refuse_unknown(params, set())
    storage.reset()
    bootstrap.prepare()
    return {}


@json_view("GET")
def list_actions(params: dict[str, Any], object_id: str) -> dict[str, Any]:
    return {"actions": [button.action.name for button in actions.available_buttons(_load(object_id))]}


@json_view("POST")
def act(params: dict[str, Any], object_id: str, action: str) -> dict[str, Any]:
    _refuse_unknown(params, {"amount", "choice", "days"})
    obj = _load(object_id)
    known = {button.action.name: button for button in actions.available_buttons(obj)}
    if action not in known:
        message = (
            f"`{action}` is not possible for {object_id} now. Possible: {', '.join(known) or 'nothing'}."
        )
        raise errors.ApiError(message, status=409)
    form = {name: str(value) for name, value in params.items()}
    if known[action].action.asks == "amount":
        form["amount"] = _amount(params, obj, known[action].value)
    actions.perform(obj, action, form)
    return storage.get(object_id) or {}


def _amount(params: dict[str, Any], obj: Obj, default: str) -> str:
    if "amount" not in params:
        return default
    if not isinstance(params["amount"], int):
        raise errors.ApiError("`amount` must be a whole number of minor units.", param="amount")
    return formatting.format_major_units(params["amount"], obj["currency"])


@json_view("GET", "POST")
def webhooks(params: dict[str, Any]) -> dict[str, Any]:
    return _change_switches(params, WEBHOOK_SWITCHES)


@json_view("POST")
def deliver(params: dict[str, Any]) -> dict[str, Any]:
    """Send pending webhooks, or one event again. Return the number of attempts."""
    _refuse_unknown(params, {"event"})
    event_id = str(_load(str(params["event"]))["id"]) if "event" in params else ""
    return {"attempts": delivery.deliver_pending(event_id)}


@json_view("GET", "POST")
def api(params: dict[str, Any]) -> dict[str, Any]:
    status = params.get("api_status")
    if params.get("api_times") and not (isinstance(status, int) and 400 <= status <= 599):
        raise errors.ApiError("`api_status` must be a number from 400 to 599.", param="api_status")
    return _change_switches(params, API_SWITCHES)


@json_view("GET", "POST")
def account(params: dict[str, Any]) -> dict[str, Any]:
    if unknown := [name for name in params.get("missing_permissions", []) if name not in permissions.NAMES]:
        message = f"Unknown permissions: {', '.join(unknown)}. Known: {', '.join(permissions.NAMES)}."
        raise errors.ApiError(message, param="missing_permissions")
    return _change_switches(params, ACCOUNT_SWITCHES)


@json_view("GET", "POST")
def checkout(params: dict[str, Any]) -> dict[str, Any]:
    if params.get("presentment_currency", "") not in ("", *presentment.CURRENCIES):
        known = ", ".join(presentment.CURRENCIES)
        message = f'`presentment_currency` must be "" or one of {known}.'
        raise errors.ApiError(message, param="presentment_currency")
    return _change_switches(params, CHECKOUT_SWITCHES)


def _change_switches(params: dict[str, Any], names: set[str]) -> dict[str, Any]:
    _refuse_unknown(params, names)
    values = asdict(switches.current())
    for name, value in params.items():
        wanted = float if isinstance(values[name], float) or name.endswith("_seconds") else type(values[name])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise errors.ApiError(f"`{name}` must be of type {wanted.__name__}.", param=name)
        if wanted in (int, float) and value < 0:
            raise errors.ApiError(f"`{name}` cannot be negative.", param=name)
    changed = asdict(switches.change(**params)) if params else values
    return {name: changed[name] for name in sorted(names)}


def _refuse_unknown(params: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(params.keys() - names):
        raise errors.ApiError(
            f"Unknown parameters: {', '.join(unknown)}. Known: {', '.join(sorted(names)) or 'none'}."
        )


def _load(object_id: str) -> Obj:
    obj = storage.get(object_id)
    if obj is None or obj.get("deleted"):
        raise errors.ApiError(f"No such object: {object_id}", status=404)
    return obj
