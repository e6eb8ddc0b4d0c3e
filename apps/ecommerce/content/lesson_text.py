"""Markdown in which a line with only the address of a video becomes the video."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from django.template.loader import render_to_string
from django.utils.safestring import SafeString
from markdown_it import MarkdownIt
from markdown_it.rules_block import StateBlock
from markdown_it.token import Token

from apps.ecommerce.catalogue.markdown import create_parser, render_tokens
from apps.ecommerce.content.videos import Video, find_video

CODE_INDENT = 4


@dataclass(frozen=True, slots=True)
class LessonText:
    html: SafeString
    videos: Sequence[Video]


def render_lesson_text(text: str, title: str, top: int = 2) -> LessonText:
    """Return safe HTML and the videos in it. `title` names the players for screen readers."""
    tokens = MARKDOWN.parse(text)
    videos = [token.meta["video"] for token in tokens if token.type == "video"]
    for number, token in enumerate((token for token in tokens if token.type == "video"), start=1):
        token.meta |= {"title": title, "number": number if len(videos) > 1 else 0}
    return LessonText(render_tokens(MARKDOWN, tokens, top), videos)


def _read_video(state: StateBlock, line: int, _end: int, silent: bool) -> bool:
    """Read one line of the text. Markdown-it calls it for each line outside of code, also within a paragraph."""
    if state.level or state.sCount[line] - state.blkIndent >= CODE_INDENT:
        return False
    video = find_video(state.src[state.bMarks[line] + state.tShift[line] : state.eMarks[line]])
    if video is None:
        return False
    if not silent:
        state.line = line + 1
        token = state.push("video", "", 0)
        token.block, token.map, token.meta = True, [line, state.line], {"video": video}
    return True


def _render_video(_renderer: Any, tokens: Sequence[Token], index: int, _options: Any, _env: Any) -> str:
    return render_to_string("ecommerce/_video.html", tokens[index].meta)


def _create_parser() -> MarkdownIt:
    parser = create_parser()
    parser.block.ruler.before("paragraph", "video", _read_video, {"alt": ["paragraph", "reference"]})
    parser.add_render_rule("video", _render_video)
    return parser


MARKDOWN = _create_parser()
