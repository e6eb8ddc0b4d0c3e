"""The founder's Markdown ▶ HTML that can do no harm: to the shopper, to the page's outline, to its policy.

HTML in the source is shown as text, and only http(s), mailto and own addresses become links (markdown-it's rule).
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

MARKDOWN = MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])
ALIGNMENT = {"text-align:right": "end", "text-align:center": "centre"}
LOWEST = 6


def html_of(text: str, top: int = 2) -> SafeString:
    """Safe HTML whose highest heading is of level `top`, whatever level the writer began with."""
    tokens = MARKDOWN.parse(text)
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    down = top - min(levels, default=top)
    for token in _each(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + down, LOWEST)}"
        elif token.type == "link_open" and _is_elsewhere(str(token.attrGet("href"))):
            token.attrSet("rel", "noopener")
        elif token.type == "image":
            _keep_at_home(token)
        elif token.type in ("fence", "code_block", "table_open"):
            token.attrSet("tabindex", "0")  # wide ones scroll, by keyboard too
        elif style := token.attrs.pop("style", ""):
            token.attrJoin("class", ALIGNMENT.get(str(style), "start"))  # our policy allows no inline style
    return SafeString(MARKDOWN.renderer.render(tokens, MARKDOWN.options, {}))


def _each(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        if token.type == "inline":
            yield from _each(token.children or [])


def _is_elsewhere(address: str) -> bool:
    return "//" in address.partition("?")[0]


def _keep_at_home(image: Token) -> None:
    """A picture of another site would tell it who reads this; its words are shown instead."""
    if _is_elsewhere(str(image.attrGet("src"))):
        image.type, image.content = "text", image.content or str(image.attrGet("src"))
    else:
        image.attrSet("loading", "lazy")
