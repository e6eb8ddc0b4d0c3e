"""What the control panel can do to an object: a table of buttons, each with the kinds of object it belongs to."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import errors, formatting, scheduled_actions, storage
from ..billing import changes, clocks, panel_actions
from ..hosted import bank_debit
from ..resources import checkout_sessions, disputes, refunds, subscriptions
from ..storage import Obj

Form = Mapping[str, str]
Condition = Callable[[Obj], bool]


@dataclass(frozen=True)
class Action:
    """One button. `when` says which objects have it; `asks` is "amount", "days" or "": the field before the button."""

    name: str
    label: str
    kinds: frozenset[str]
    do: Callable[[Obj, Form], object]
    when: Condition
    asks: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Button:
    """An action as a page shows it; `value` stands in the field that it asks for."""

    action: Action
    value: str = ""


def offered(obj: Obj) -> list[Button]:
    """The buttons that make sense for this object as it is now."""
    found = [action for action in ACTIONS if obj["object"] in action.kinds and action.when(obj)]
    return [Button(action, _suggested(action, obj)) for action in found]


def do(obj: Obj, name: str, form: Form) -> None:
    """Press the button. Raises ApiError (in words for a person) when it can't be done."""
    for button in offered(obj):
        if button.action.name == name:
            owner = obj["id"] if obj["object"] == "customer" else obj.get("customer")
            with clocks.following(owner), storage.transaction():
                button.action.do(obj, form)
            return
    raise errors.ApiError("That can no longer be done: the object has changed meanwhile.")


def _suggested(action: Action, obj: Obj) -> str:
    if action.asks == "amount":
        charge = _charge(obj) or {}
        left = charge["amount"] - charge["amount_refunded"]
        return formatting.major(left, charge["currency"])
    return "30" if action.asks == "days" else ""


# --- payments ---------------------------------------------------------------------------------------------


def _charge(obj: Obj) -> Obj | None:
    """The charge that has paid for this checkout session, payment intent or invoice; a charge itself."""
    if obj["object"] == "charge":
        return obj
    intent: Obj | None = obj
    if obj["object"] == "checkout.session":
        intent = storage.get(obj["payment_intent"] or "")
    return storage.get((intent or {}).get("latest_charge") or "", "charge")


def _refundable(obj: Obj) -> bool:
    charge = _charge(obj)
    return bool(charge and charge["status"] == "succeeded" and not charge["refunded"])


def _disputable(obj: Obj) -> bool:
    charge = _charge(obj)
    return bool(charge and charge["status"] == "succeeded" and not disputes.is_open(charge["id"]))


def _refund(course: str) -> Callable[[Obj, Form], object]:
    def action(obj: Obj, form: Form) -> object:
        charge = _charge(obj) or {}
        amount = formatting.minor(form.get("amount", ""), charge["currency"])
        if amount is None:
            raise errors.ApiError("The amount isn't a number.")
        return refunds.make(charge, amount, course)

    return action


def _dispute(obj: Obj, form: Form) -> object:
    kind = form.get("choice", "")
    if kind not in disputes.KINDS:
        raise errors.ApiError("Choose why it is disputed.")
    return disputes.make(_charge(obj) or {}, kind)


def _is_open(dispute: Obj) -> bool:
    return dispute["status"] in disputes.OPEN


def _waits(session: Obj) -> bool:
    return "bank_answers" in scheduled_actions.scheduled_for(session["id"])


def _lives(subscription: Obj) -> bool:
    return subscription["status"] not in subscriptions.ENDED


def _pass_days(obj: Obj, form: Form) -> object:
    days = form.get("days", "")
    if not days.isdecimal() or not 0 < int(days) <= 730:
        raise errors.ApiError("Say a number of days from 1 to 730.")
    return panel_actions.advance(obj["id"], int(days) * 86400)


_PAID = frozenset({"charge", "payment_intent", "checkout.session"})
_SESSION = frozenset({"checkout.session"})
_DISPUTE = frozenset({"dispute"})
_SUBSCRIPTION = frozenset({"subscription"})
_REASONS = (
    ("dispute_fraudulent", "Fraudulent"),
    ("dispute_not_received", "Product not received"),
    ("dispute_inquiry", "Inquiry first"),
)

# fmt: off
ACTIONS = (
    Action("refund", "Refund", _PAID, _refund(""), _refundable, asks="amount"),
    Action("refund_fails", "Refund that fails later", _PAID, _refund("refund_fails"), _refundable, asks="amount"),
    Action("dispute", "Dispute", _PAID, _dispute, _disputable, choices=_REASONS),
    Action("expire", "Expire", _SESSION, lambda obj, form: checkout_sessions.expired(obj),
         lambda obj: obj["status"] == "open"),
    Action("win", "Win dispute", _DISPUTE, lambda obj, form: disputes.settle(obj, "won"), _is_open),
    Action("lose", "Lose dispute", _DISPUTE, lambda obj, form: disputes.settle(obj, "lost"), _is_open),
    Action("escalate", "Turn into a chargeback", _DISPUTE, lambda obj, form: disputes.escalate(obj),
         lambda obj: obj["status"].startswith("warning_") and _is_open(obj)),
    Action("bank_pays", "Bank pays now", _SESSION, lambda obj, form: bank_debit.answer(obj["id"], True), _waits),
    Action("bank_refuses", "Bank refuses now", _SESSION, lambda obj, form: bank_debit.answer(obj["id"], False), _waits),
    Action("hurry", "Let the bank answer now", frozenset({"charge", "dispute", "refund"}),
         lambda obj, form: scheduled_actions.run_for(obj["id"]),
         lambda obj: bool(scheduled_actions.scheduled_for(obj["id"]))),
    Action("renew", "Go to the next renewal", _SUBSCRIPTION,
         lambda obj, form: panel_actions.advance_to_renewal(obj["id"]), _lives),
    Action("fail_renewal", "Let the next renewal fail", _SUBSCRIPTION,
         lambda obj, form: panel_actions.fail_next_renewal(obj["id"]), _lives),
    Action("cancel", "Cancel now", _SUBSCRIPTION, lambda obj, form: changes.cancel(obj), _lives),
    Action("days", "Let days pass", _SUBSCRIPTION | {"customer"}, _pass_days, lambda obj: True, asks="days"),
)
# fmt: on
