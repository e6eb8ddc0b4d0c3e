"""`prune` deletes expired data and nothing else."""

from __future__ import annotations

from datetime import timedelta
from io import StringIO
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.files.base import ContentFile
from django.core.files.storage import default_storage
from django.core.management import call_command
from django.test import Client
from django.utils import timezone
from django_tasks_db.models import DBTaskResult

from apps.ecommerce.management.commands import prune as command
from apps.ecommerce.models import (
    Alert,
    Mail,
    Product,
    ProductConfiguration,
    Purchase,
    StatusChange,
    WebhookEvent,
)
from apps.users.models import User
from tests.factories import buy, create_product


def prune(*options: str) -> list[str]:
    out = StringIO()
    call_command("prune", *options, stdout=out)
    return out.getvalue().splitlines()


@pytest.fixture
def leftovers(as_ada: Client, icons: ProductConfiguration, monkeypatch: pytest.MonkeyPatch) -> None:
    """Create three rows of each kind to delete, and at least one of each to keep."""
    monkeypatch.setattr(command, "BATCH_SIZE", 2)
    now, long_ago = timezone.now(), timezone.now() - timedelta(days=100)
    buy(as_ada, icons)
    Purchase.objects.update(created_at=long_ago)
    alerts = [("mails-unsent", long_ago), ("worker-silent", now), ("webhooks-silent", None)]
    alerts += [(name, None) for name in ("dispute-opened", "daily-digest", "reconcile-repaired")]
    for name, solved in alerts:
        Alert.objects.create(name=name, message="", found_at=long_ago, solved_at=solved)
    for number in range(3):
        Session.objects.create(
            session_key=f"old{number}", session_data="", expire_date=now - timedelta(hours=1)
        )
    for key in (as_ada.session.session_key, "old0", "old1", "signed-out"):
        UserSession.objects.create(
            user=User.objects.get(), session_key=key, ip="127.0.0.1", user_agent="Firefox"
        )
    events = [("old", now, long_ago), ("failing", None, long_ago), ("new", now, now)]
    for name, processed, received in events:
        for number in range(3 if name == "old" else 1):
            row = WebhookEvent.objects.create(
                id=f"evt_{name}{number}", type="x", payload={}, stripe_created=now, processed_at=processed
            )
            WebhookEvent.objects.filter(pk=row.pk).update(received_at=received)
    tasks = [("SUCCESSFUL", long_ago, long_ago), ("FAILED", long_ago, long_ago), ("RUNNING", long_ago, None)]
    tasks += [("SUCCESSFUL", now, now), ("RUNNING", now, None), ("READY", None, None)]
    for status, started, finished in tasks:
        DBTaskResult.objects.create(
            args_kwargs={},
            task_path="x",
            backend_name="default",
            status=status,
            started_at=started,
            finished_at=finished,
        )


def test_dry_run_deletes_nothing(leftovers: None) -> None:
    assert prune("--dry-run") == [
        "expired sessions: 3 would be deleted",
        "records of ended sessions: 3 would be deleted",
        "task results: 3 would be deleted",
        "old alerts: 3 would be deleted",
        "processed webhook events: 3 would be deleted",
        "unused pictures: 0 would be deleted",
    ]
    assert Session.objects.count() == 4


def test_prune_deletes_old_rows_only(leftovers: None, as_ada: Client) -> None:
    counts = [model.objects.count() for model in (Purchase, StatusChange, Mail)]
    assert prune()[0] == "expired sessions: 3 deleted"
    assert Session.objects.count() == 1
    assert UserSession.objects.get().session_key == as_ada.session.session_key
    assert set(WebhookEvent.objects.values_list("id", flat=True)) >= {"evt_failing0", "evt_new0"}
    assert not WebhookEvent.objects.filter(id__startswith="evt_old").exists()
    assert DBTaskResult.objects.count() == 3
    kept = {"worker-silent", "webhooks-silent", "dispute-opened"}
    assert {*Alert.objects.values_list("name", flat=True)} == kept
    assert [model.objects.count() for model in (Purchase, StatusChange, Mail)] == counts
    assert as_ada.get("/purchases/icon-set/").status_code == 200
    assert all(line.endswith(": 0 deleted") for line in prune())


@pytest.mark.django_db
def test_unused_images_are_deleted_after_a_month(
    sandbox: Any, settings: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.MEDIA_ROOT = tmp_path
    create_product(sandbox.client)
    for name in ("old", "new"):
        default_storage.save(f"products/{name}-640.webp", ContentFile(b"picture"))
    copies = {"https://x": {"address": "products/new", "width": 640, "height": 480, "widths": [320, 640]}}
    Product.objects.update(images=["https://x"], copies=copies)
    assert prune()[-1] == "unused pictures: 0 deleted"

    later = timezone.now() + timedelta(days=command.PICTURE_DAYS + 1)
    monkeypatch.setattr(timezone, "now", lambda: later)
    assert prune("--dry-run")[-1] == "unused pictures: 1 would be deleted"
    assert prune()[-1] == "unused pictures: 1 deleted"
    assert default_storage.listdir("products")[1] == ["new-640.webp"]
