"""Django's sessions in the database, found faster (setting SESSION_ENGINE)."""

from __future__ import annotations

from django.contrib.sessions.backends import db
from django.contrib.sessions.models import Session
from django.utils import timezone

from apps.prepared import Select

_called = Select(Session, "session_key")


class SessionStore(db.SessionStore):
    def _get_session_from_db(self) -> Session | None:
        """None, and no key any more, for one that is unknown or over."""
        for session in _called(self.session_key):
            if session.expire_date > timezone.now():
                return session
        self._session_key = None
        return None
