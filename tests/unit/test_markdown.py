"""Markdown is rendered to safe HTML."""

from __future__ import annotations

import re

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.ecommerce.catalogue.markdown import render_markdown


@pytest.mark.parametrize(
    "text",
    [
        "<script>alert(1)</script>",
        "<img src=x onerror=alert(1)>",
        "[x](javascript:alert(1))",
        "![x](javascript:alert(1))",
        "[x](data:text/html;base64,PHNjcmlwdD4=)",
        "<javascript:alert(1)>",
        '[x](https://example.com "\\" onmouseover=alert(1)")',
    ],
)
def test_markdown_removes_scripts(text: str) -> None:
    html = render_markdown(text)
    tags = re.findall(r"<(\w+)([^>]*)>", html)
    assert {tag for tag, _ in tags} <= {"p", "a"}
    assert not any(re.search(r'(?:^|")\s*on\w+=|href="(?:javascript|data):', rest) for _, rest in tags), html


@example("|a|b|\n|:-:|--:|\n|1|2|")
@example("![a](https://example.com/b.png)")
@given(st.text(alphabet="#*_`~[]()<>!|:-\\\"'&;=/ \n0aβx.", max_size=120))
def test_markdown_output_follows_the_content_security_policy(text: str) -> None:
    """No inline style, no inline script, no image of another site."""
    html = render_markdown(text)
    assert not re.search(r"<[^>]*\sstyle=", html)
    assert not re.search(r"<(?:script|style|iframe|object|form|svg)\b", html)
    assert not re.search(r'<img[^>]*src="(?:\w+:)?//', html)


def test_headings_start_below_those_of_the_page() -> None:
    assert render_markdown("# One\n\n### Two") == "<h2>One</h2>\n<h4>Two</h4>\n"
    assert render_markdown("## One\n\n### Two", 3) == "<h3>One</h3>\n<h4>Two</h4>\n"
    assert render_markdown("# One\n\n###### Deep", 4) == "<h4>One</h4>\n<h6>Deep</h6>\n"


def test_links_pictures_and_tables() -> None:
    assert (
        render_markdown("[a](https://example.com)")
        == '<p><a href="https://example.com" rel="noopener">a</a></p>\n'
    )
    assert render_markdown("[a](/store/)") == '<p><a href="/store/">a</a></p>\n'
    assert (
        render_markdown("![a cat](/media/cat.png)")
        == '<p><img src="/media/cat.png" alt="a cat" loading="lazy" /></p>\n'
    )
    assert render_markdown("![a cat](https://example.com/cat.png)") == "<p>a cat</p>\n"
    assert '<td class="end">2</td>' in render_markdown("|a|b|\n|---|--:|\n|1|2|")
