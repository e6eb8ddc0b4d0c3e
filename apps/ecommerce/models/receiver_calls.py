from django.db import models

from .payments import Payment
from .purchases import Purchase


class ReceiverCall(models.Model):
    """A call of one of your receivers, created in the transaction of the change that it is about.

    A task calls the receiver after the commit. If that fails, reconcile_purchases calls it again.
    """

    signal = models.CharField(max_length=60)
    receiver = models.CharField(max_length=500)
    event_id = models.CharField(max_length=300)
    purchase = models.ForeignKey(Purchase, on_delete=models.CASCADE, related_name="receiver_calls")
    payment = models.ForeignKey(Payment, null=True, on_delete=models.SET_NULL, related_name="receiver_calls")
    arguments = models.JSONField(default=dict)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField(auto_now_add=True)
    started_at = models.DateTimeField(null=True)
    done_at = models.DateTimeField(null=True)

    class Meta:
        ordering = ["created_at", "id"]
        constraints = [
            models.UniqueConstraint(fields=["event_id", "receiver"], name="one_call_per_event_and_receiver")
        ]
        indexes = [
            models.Index(fields=["created_at"], condition=models.Q(done_at=None), name="receiver_call_open")
        ]

    def __str__(self) -> str:
        return f"{self.receiver} ({self.event_id})"
