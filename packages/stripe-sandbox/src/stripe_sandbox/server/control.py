"""The control API: what the control panel does, as JSON for programs. README.md documents it.

Requests with a body have to be application/json, so that no page in a browser can send one.
"""

import json
from collections.abc import Callable
from dataclasses import asdict
from functools import wraps
from typing import Any

from django.http import HttpRequest, JsonResponse
from django.views.decorators.csrf import csrf_exempt

from .. import bootstrap, delivery, errors, formatting, storage, switches
from ..panel import actions
from ..storage import Obj

View = Callable[..., dict[str, Any]]
WEBHOOK_SWITCHES = {"delay_seconds", "late_seconds", "duplicate", "reorder", "drop", "fail_next_n"}
API_SWITCHES = {"api_status", "api_times", "api_delay_seconds"}
API_ERRORS = (429, 500, 502, 503)


def json_view(*methods: str) -> Callable[[View], Callable[..., JsonResponse]]:
    """Pass the body's JSON object to the view as `params`, and answer with what it returns, or with its ApiError."""

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
        raise errors.ApiError("The Content-Type has to be application/json.", status=415)
    try:
        params = json.loads(request.body or "{}")
    except ValueError as error:
        raise errors.ApiError(f"The body is no JSON: {error}") from None
    if not isinstance(params, dict):
        raise errors.ApiError("The body has to be a JSON object.")
    return params


@json_view("POST")
def reset(params: dict[str, Any]) -> dict[str, Any]:
    """Delete every object, delivery and switch."""
    _only(params, set())
    storage.reset()
    bootstrap.prepare()
    return {}


@json_view("GET")
def available(params: dict[str, Any], object_id: str) -> dict[str, Any]:
    """List what can be done to the object as it is now."""
    return {"actions": [button.action.name for button in actions.offered(_load(object_id))]}


@json_view("POST")
def act(params: dict[str, Any], object_id: str, action: str) -> dict[str, Any]:
    """Do it, and return the object as it is afterwards."""
    _only(params, {"amount", "choice", "days"})
    obj = _load(object_id)
    known = {button.action.name: button for button in actions.offered(obj)}
    if action not in known:
        message = f"`{action}` cannot be done to {object_id} now. What can: {', '.join(known) or 'nothing'}."
        raise errors.ApiError(message, status=409)
    form = {name: str(value) for name, value in params.items()}
    if known[action].action.asks == "amount":
        form["amount"] = _amount(params, obj, known[action].value)
    actions.do(obj, action, form)
    return storage.get(object_id) or {}


def _amount(params: dict[str, Any], obj: Obj, default: str) -> str:
    """The amount as the panel's form has it; minor units in JSON."""
    if "amount" not in params:
        return default
    if not isinstance(params["amount"], int):
        raise errors.ApiError("`amount` has to be a whole number of minor units.", param="amount")
    return formatting.major(params["amount"], obj["currency"])


@json_view("GET", "POST")
def webhooks(params: dict[str, Any]) -> dict[str, Any]:
    """Read or change how webhooks are sent."""
    return _turn(params, WEBHOOK_SWITCHES)


@json_view("POST")
def deliver(params: dict[str, Any]) -> dict[str, Any]:
    """Send what waits, or one event once more, now; return the number of attempts."""
    _only(params, {"event"})
    event_id = str(_load(str(params["event"]))["id"]) if "event" in params else ""
    return {"attempts": delivery.deliver_pending(event_id)}


@json_view("GET", "POST")
def api(params: dict[str, Any]) -> dict[str, Any]:
    """Read or change how the API answers."""
    if params.get("api_times") and params.get("api_status") not in API_ERRORS:
        raise errors.ApiError(f"`api_status` has to be one of {API_ERRORS}.", param="api_status")
    return _turn(params, API_SWITCHES)


def _turn(params: dict[str, Any], names: set[str]) -> dict[str, Any]:
    _only(params, names)
    now = asdict(switches.current())
    for name, value in params.items():
        wanted = float if isinstance(now[name], float) or name.endswith("_seconds") else type(now[name])
        if type(value) is not wanted and not (wanted is float and type(value) is int):
            raise errors.ApiError(f"`{name}` has to be of type {wanted.__name__}.", param=name)
        if wanted in (int, float) and value < 0:
            raise errors.ApiError(f"`{name}` cannot be negative.", param=name)
    changed = asdict(switches.turn(**params)) if params else now
    return {name: changed[name] for name in sorted(names)}


def _only(params: dict[str, Any], names: set[str]) -> None:
    if unknown := sorted(params.keys() - names):
        raise errors.ApiError(
            f"Unknown: {', '.join(unknown)}. Known: {', '.join(sorted(names)) or 'nothing'}."
        )


def _load(object_id: str) -> Obj:
    obj = storage.get(object_id)
    if obj is None or obj.get("deleted"):
        raise errors.ApiError(f"No such object: {object_id}", status=404)
    return obj
