"""Render Markdown as safe HTML. HTML in the source is shown as text."""

from collections.abc import Iterator, Sequence

from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.token import Token

ALIGNMENT = {"text-align:right": "end", "text-align:center": "centre"}
LOWEST_HEADING = 6


def create_parser() -> MarkdownIt:
    return MarkdownIt("commonmark", {"html": False}).enable(["table", "strikethrough"])


MARKDOWN = create_parser()


def render_markdown(text: str, top: int = 2) -> SafeString:
    """Return safe HTML whose highest heading has the level `top`."""
    return render_tokens(MARKDOWN, MARKDOWN.parse(text), top)


def render_tokens(parser: MarkdownIt, tokens: Sequence[Token], top: int = 2) -> SafeString:
    levels = [int(token.tag[1]) for token in tokens if token.type == "heading_open"]
    shift = top - min(levels, default=top)
    for token in _flatten(tokens):
        if token.type in ("heading_open", "heading_close"):
            token.tag = f"h{min(int(token.tag[1]) + shift, LOWEST_HEADING)}"
        elif token.type == "link_open" and _is_absolute(str(token.attrGet("href"))):
            token.attrSet("rel", "noopener")
        elif token.type == "image":
            _restrict_image(token)
        elif token.type in ("fence", "code_block", "table_open"):
            token.attrSet("tabindex", "0")  # so that keyboard users can scroll wide content
        elif style := token.attrs.pop("style", ""):  # the Content-Security-Policy allows no inline style
            token.attrJoin("class", ALIGNMENT.get(str(style), "start"))
    return SafeString(parser.renderer.render(tokens, parser.options, {}))


def _flatten(tokens: Sequence[Token]) -> Iterator[Token]:
    for token in tokens:
        yield token
        yield from _flatten(token.children or [])


def _is_absolute(url: str) -> bool:
    return "//" in url.partition("?")[0]


def _restrict_image(image: Token) -> None:
    """Replace an image on another site with its text, so that readers' browsers send that site no request."""
    if _is_absolute(str(image.attrGet("src"))):
        image.type, image.content = "text", image.content or str(image.attrGet("src"))
    else:
        image.attrSet("loading", "lazy")
