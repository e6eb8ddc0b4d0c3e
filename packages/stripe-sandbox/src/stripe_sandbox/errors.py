"""API errors with Stripe's messages. https://docs.stripe.com/api/errors and /error-codes"""

from .storage import Obj

_NAMES = {
    "payment_method": "PaymentMethod",
    "setup_intent": "setupintent",
    "webhook_endpoint": "webhook endpoint",
}


class ApiError(Exception):
    """An error response. `fields` are additional keys of the error object."""

    def __init__(
        self,
        message: str,
        *,
        code: str = "",
        param: str = "",
        status: int = 400,
        kind: str = "invalid_request_error",
        **fields: object,
    ) -> None:
        super().__init__(message)
        self.status, self.code = status, code
        self.error: Obj = {"message": message, "type": kind}
        if code:
            self.error |= {
                "code": code,
                "doc_url": f"https://docs.stripe.com/error-codes/{code.replace('_', '-')}",
            }
        if param:
            self.error["param"] = param
        self.error |= fields

    def body(self) -> Obj:
        return {"error": self.error}


class Declined(ApiError):
    """A declined card (402). The failed charge and its events are committed."""

    def __init__(self, message: str, code: str, **fields: object) -> None:
        super().__init__(message, code=code, status=402, kind="card_error")
        self.error |= fields


def missing(param: str) -> ApiError:
    return ApiError(f"Missing required param: {param}.", code="parameter_missing", param=param)


def empty(param: str) -> ApiError:
    message = (
        f"You passed an empty string for '{param}'. We assume empty values are an attempt to unset a parameter; however"
        f" '{param}' cannot be unset. You should remove '{param}' from your request or supply a non-empty value."
    )
    return ApiError(message, code="parameter_invalid_empty", param=param)


def no_such(kind: str, object_id: str, param: str = "") -> ApiError:
    """Return the error resource_missing: 404 for an id in the URL, 400 for an id in a parameter."""
    message = f"No such {_NAMES.get(kind, kind)}: '{object_id}'"
    return ApiError(message, code="resource_missing", param=param or "id", status=400 if param else 404)


def unsupported(what: str, param: str = "") -> ApiError:
    return ApiError(f"The sandbox does not support {what}. Stripe does.", param=param)


def exclusive(*params: str) -> ApiError:
    return ApiError(f"You may only specify one of these parameters: {', '.join(params)}.", param=params[0])
