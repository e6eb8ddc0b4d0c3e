from django.db import models


class Alert(models.Model):
    """The time of the last e-mail about an alert, which is sent at most once a day."""

    key = models.CharField(primary_key=True, max_length=60)
    message = models.TextField()
    mailed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
