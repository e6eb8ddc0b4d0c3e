"""A page cut into what every signed-in person sees and what only one of them sees.

`{% personal "web/_menu_who.html" about="email" %}` includes a template, as `{% include %}` does. While a page is being
cut it leaves a mark instead; `join` puts there what the template says to the person who asks. A piece may also carry
what most people see of it and a few variants (a product's card, and the same card as an owner sees it), with a hole for
a word that is the person's own: then nothing is left to render.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, NamedTuple, TypeAlias

from django.contrib.auth.models import AnonymousUser
from django.contrib.messages import get_messages
from django.http import HttpRequest, HttpResponse
from django.middleware.csrf import get_token
from django.template.loader import render_to_string
from django.utils.crypto import get_random_string
from django.utils.html import escape

from apps.users.models import User

MARK = f"<{get_random_string(32)}>"  # in no page: nobody can guess it
HOLE = "\ufffc"  # in a variant: where a few letters of the person's own go


class Piece(NamedTuple):  # as Cut: a shared cache reads a tuple twice as fast as a class
    template: str
    about: str  # empty: everybody sees something else here
    html: str  # what most people see
    variants: Mapping[str, str]


class Cut(NamedTuple):
    """Text, piece, text, piece, … text."""

    texts: list[str]
    pieces: list[Piece]


class Anybody(AnonymousUser):
    """Somebody who is signed in, and nobody knows who."""

    is_authenticated = True  # type: ignore[assignment]
    email = HOLE

    def get_short_name(self) -> str:
        return HOLE


def pieces_of(request: HttpRequest) -> list[Piece] | None:
    """Where a template tag adds its piece before it leaves a mark; None when the page is not being cut."""
    pieces: list[Piece] | None = getattr(request, "pieces", None)
    return pieces


def cut(request: HttpRequest, view: Callable[[], HttpResponse]) -> Cut | None:
    """The view's page as anybody sees it; None if it is none that may be kept."""
    somebody, request.user = request.user, Anybody()
    pieces: list[Piece] = []
    request.pieces = pieces  # type: ignore[attr-defined]
    try:
        response = view()
    finally:
        request.user, request.pieces = somebody, None  # type: ignore[attr-defined]
    texts = response.content.decode().split(MARK)
    fit = response.status_code == 200 and not request.META.get("CSRF_COOKIE_NEEDS_UPDATE")
    return Cut(texts, pieces) if fit and len(texts) == len(pieces) + 1 else None


Own: TypeAlias = tuple[str, str] | dict[str, Any]


def join(request: HttpRequest, page: Cut, mine: Mapping[str, Own]) -> str:
    """The page for the person who asks.

    `mine`: what a piece is about ▶ its variant and what goes into the hole, or else a context to render it with. What
    is about nothing is always rendered.
    """
    mine = {**_own(request), **mine}

    def html_of(piece: Piece) -> str:
        if piece.about and piece.about not in mine:
            return piece.html
        own = mine.get(piece.about, {})
        if isinstance(own, tuple):
            return piece.variants[own[0]].replace(HOLE, own[1])
        return render_to_string(piece.template, own, request)

    parts = [
        part for text, piece in zip(page.texts, page.pieces, strict=False) for part in (text, html_of(piece))
    ]
    return "".join([*parts, page.texts[-1]])


def _own(request: HttpRequest) -> dict[str, Own]:
    """What is everybody's own on every page; most people have no message, and are no staff."""
    user = request.user
    assert isinstance(user, User)
    own: dict[str, Own] = {
        "email": ("", escape(user.email)),
        "initial": ("", escape(user.get_short_name()[:1])),
        "token": ("", get_token(request)),
    }
    if user.is_staff:
        own["staff"] = {}
    if len(get_messages(request)):
        own["messages"] = {}
    return own
