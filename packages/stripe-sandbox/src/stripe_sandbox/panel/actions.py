"""The buttons of the control panel: a table of actions and the objects to which they apply."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from .. import errors, formatting, scheduled_actions, storage
from ..billing import changes, clocks, collection, panel_actions
from ..hosted import bank_debit
from ..resources import checkout_sessions, disputes, refunds, subscriptions
from ..storage import Obj

Form = Mapping[str, str]
Condition = Callable[[Obj], bool]


@dataclass(frozen=True)
class Action:
    """A button. `when` returns whether it applies to an object. `asks` is its input field: "amount", "days" or ""."""

    name: str
    label: str
    kinds: frozenset[str]
    do: Callable[[Obj, Form], object]
    when: Condition
    asks: str = ""
    choices: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True)
class Button:
    """An action on a page. `value` is the initial value of its input field."""

    action: Action
    value: str = ""


def available_buttons(obj: Obj) -> list[Button]:
    found = [action for action in ACTIONS if obj["object"] in action.kinds and action.when(obj)]
    return [Button(action, _initial_value(action, obj)) for action in found]


def perform(obj: Obj, name: str, form: Form) -> None:
    for button in available_buttons(obj):
        if button.action.name == name:
            with clocks.object_time(obj), storage.transaction():
                button.action.do(obj, form)
            return
    raise errors.ApiError("This action is no longer possible because the object has changed.")


def _initial_value(action: Action, obj: Obj) -> str:
    if action.asks == "amount":
        charge = _charge(obj) or {}
        left = charge["amount"] - charge["amount_refunded"]
        return formatting.format_major_units(left, charge["currency"])
    return "30" if action.asks == "days" else ""


# --- payments ---------------------------------------------------------------------------------------------


def _charge(obj: Obj) -> Obj | None:
    if obj["object"] == "charge":
        return obj
    intent: Obj | None = obj
    if obj["object"] == "checkout.session":
        intent = storage.get(obj["payment_intent"] or "")
    if obj["object"] == "invoice":
        intent = collection.get_payment_intent(obj)
    return storage.get((intent or {}).get("latest_charge") or "", "charge")


def _is_refundable(obj: Obj) -> bool:
    charge = _charge(obj)
    return bool(charge and charge["status"] == "succeeded" and not charge["refunded"])


def _is_disputable(obj: Obj) -> bool:
    charge = _charge(obj)
    return bool(charge and disputes.is_disputable(charge))


def _refund(outcome: str) -> Callable[[Obj, Form], object]:
    def action(obj: Obj, form: Form) -> object:
        charge = _charge(obj) or {}
        amount = formatting.parse_minor_units(form.get("amount", ""), charge["currency"])
        if amount is None:
            raise errors.ApiError("The amount is not a number.")
        return refunds.create_refund(charge, amount, outcome)

    return action


def _dispute(obj: Obj, form: Form) -> object:
    kind = form.get("choice", "")
    if kind not in disputes.KINDS:
        raise errors.ApiError("Choose a reason for the dispute.")
    return disputes.open_dispute(_charge(obj) or {}, kind)


def _is_open(dispute: Obj) -> bool:
    return dispute["status"] in disputes.OPEN


def _awaits_bank(session: Obj) -> bool:
    return "bank_answers" in scheduled_actions.scheduled_for(session["id"])


def _has_not_ended(subscription: Obj) -> bool:
    return subscription["status"] not in subscriptions.ENDED


def _advance_days(obj: Obj, form: Form) -> object:
    days = form.get("days", "")
    if not days.isdecimal() or not 0 < int(days) <= 730:
        raise errors.ApiError("Enter a number of days from 1 to 730.")
    return panel_actions.advance(obj["id"], int(days) * 86400)


_PAYMENT_KINDS = frozenset({"charge", "payment_intent", "checkout.session", "invoice"})
_REFUND = frozenset({"refund"})
_SESSION = frozenset({"checkout.session"})
_DISPUTE = frozenset({"dispute"})
_SUBSCRIPTION = frozenset({"subscription"})
_REASONS = (
    ("dispute_fraudulent", "Fraudulent"),
    ("dispute_not_received", "Product not received"),
    ("dispute_inquiry", "Start with an inquiry"),
)

# fmt: off
ACTIONS = (
    Action("refund", "Refund", _PAYMENT_KINDS, _refund(""), _is_refundable, asks="amount"),
    Action("refund_fails", "Refund that fails later", _PAYMENT_KINDS, _refund("refund_fails"), _is_refundable,
         asks="amount"),
    Action("refund_pending", "Refund that takes a while", _PAYMENT_KINDS, _refund("refund_pending"), _is_refundable,
         asks="amount"),
    Action("refund_requires_action", "Refund that needs the buyer's bank details", _PAYMENT_KINDS,
         _refund("refund_requires_action"), _is_refundable, asks="amount"),
    Action("succeed", "Complete refund", _REFUND, lambda obj, form: refunds.succeed(obj["id"]), refunds.is_open),
    Action("fail", "Let the refund fail", _REFUND, lambda obj, form: refunds.fail(obj["id"]), refunds.can_fail),
    Action("cancel", "Cancel refund", _REFUND, lambda obj, form: refunds.withdraw(obj), refunds.is_open),
    Action("dispute", "Dispute", _PAYMENT_KINDS, _dispute, _is_disputable, choices=_REASONS),
    Action("expire", "Expire", _SESSION, lambda obj, form: checkout_sessions.mark_expired(obj),
         lambda obj: obj["status"] == "open"),
    Action("win", "Win dispute", _DISPUTE, lambda obj, form: disputes.settle(obj, "won"), _is_open),
    Action("lose", "Lose dispute", _DISPUTE, lambda obj, form: disputes.settle(obj, "lost"), _is_open),
    Action("escalate", "Turn into a chargeback", _DISPUTE, lambda obj, form: disputes.escalate(obj),
         lambda obj: obj["status"].startswith("warning_") and _is_open(obj)),
    Action("bank_pays", "Bank pays now", _SESSION,
         lambda obj, form: bank_debit.record_bank_response(obj["id"], True), _awaits_bank),
    Action("bank_refuses", "Bank refuses now", _SESSION,
         lambda obj, form: bank_debit.record_bank_response(obj["id"], False), _awaits_bank),
    Action("hurry", "Run scheduled actions now", frozenset({"charge", "dispute", "refund"}),
         lambda obj, form: scheduled_actions.run_for(obj["id"]),
         lambda obj: bool(scheduled_actions.scheduled_for(obj["id"]))),
    Action("renew", "Go to the next renewal", _SUBSCRIPTION,
         lambda obj, form: panel_actions.advance_to_renewal(obj["id"]), _has_not_ended),
    Action("fail_renewal", "Let the next renewal fail", _SUBSCRIPTION,
         lambda obj, form: panel_actions.fail_next_renewal(obj["id"]), _has_not_ended),
    Action("cancel", "Cancel now", _SUBSCRIPTION, lambda obj, form: changes.cancel(obj), _has_not_ended),
    Action("days", "Advance by days", _SUBSCRIPTION | {"customer"}, _advance_days, lambda obj: True, asks="days"),
)
# fmt: on
