"""Call receivers of apps/shop again after an error."""

from django.utils.translation import gettext as _

from apps.ecommerce.back_office.audit import ActionRefused
from apps.ecommerce.models import ReceiverCall
from apps.ecommerce.purchases.signals import call_receiver


def call_again(call: ReceiverCall) -> str:
    """Call the receiver, unless it has finished. Raise ActionRefused if it fails."""
    if call.done_at:
        return _("%(receiver)s was called before.") % {"receiver": call.receiver}
    call_receiver.func(call.pk)
    call.refresh_from_db()
    if call.done_at is None:
        error = call.error.strip().rpartition("\n")[2] or _("it is running")
        raise ActionRefused(_("%(receiver)s fails: %(error)s") % {"receiver": call.receiver, "error": error})
    return _("%(receiver)s was called.") % {"receiver": call.receiver}
