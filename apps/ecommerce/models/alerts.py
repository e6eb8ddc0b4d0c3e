from django.db import models


class Alert(models.Model):
    """When an alert was last e-mailed, so that it is sent once a day at most."""

    key = models.CharField(primary_key=True, max_length=60)
    message = models.TextField()
    mailed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.key
