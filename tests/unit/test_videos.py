"""Addresses of videos, as people copy them, become the address of a player or a clear error."""

from __future__ import annotations

import re
from urllib.parse import urlsplit

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from apps.ecommerce.content.lesson_text import render_lesson_text
from apps.ecommerce.content.videos import VideoAddressError, find_video, parse_video

YOUTUBE = "https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ"
VIMEO = "https://player.vimeo.com/video/76979871"
PEERTUBE = "https://framatube.org/videos/embed/kkGMgK9ZtnKfYAgnEtQxbv"
BUNNY_VIDEO = "759/eb1c4f77-0cda-46be-b47d-1118ad7c2ffe"


@pytest.mark.parametrize(
    ("address", "provider", "player"),
    [
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ", "YouTube", YOUTUBE),
        ("https://m.youtube.com/watch?app=desktop&v=dQw4w9WgXcQ&feature=share", "YouTube", YOUTUBE),
        ("http://youtube.com/watch/?v=dQw4w9WgXcQ&list=PL123&index=2", "YouTube", YOUTUBE),
        ("https://youtu.be/dQw4w9WgXcQ?si=tracking", "YouTube", YOUTUBE),
        ("youtu.be/dQw4w9WgXcQ", "YouTube", YOUTUBE),
        ("https://www.youtube.com/shorts/dQw4w9WgXcQ", "YouTube", YOUTUBE),
        ("https://www.youtube.com/embed/dQw4w9WgXcQ", "YouTube", YOUTUBE),
        ("https://www.youtube.com/live/dQw4w9WgXcQ?feature=shared", "YouTube", YOUTUBE),
        ("https://www.youtube-nocookie.com/embed/dQw4w9WgXcQ", "YouTube", YOUTUBE),
        ("  HTTPS://YouTube.com:443/watch?v=dQw4w9WgXcQ  ", "YouTube", YOUTUBE),
        ("https://vimeo.com/76979871", "Vimeo", VIMEO),
        ("https://vimeo.com/76979871?share=copy", "Vimeo", VIMEO),
        ("https://player.vimeo.com/video/76979871", "Vimeo", VIMEO),
        ("https://vimeo.com/channels/staffpicks/76979871", "Vimeo", VIMEO),
        ("https://vimeo.com/showcase/123456/video/76979871", "Vimeo", VIMEO),
        ("https://framatube.org/w/kkGMgK9ZtnKfYAgnEtQxbv", "PeerTube", PEERTUBE),
        ("https://framatube.org/videos/watch/kkGMgK9ZtnKfYAgnEtQxbv", "PeerTube", PEERTUBE),
        ("https://framatube.org/videos/embed/kkGMgK9ZtnKfYAgnEtQxbv?warningTitle=0", "PeerTube", PEERTUBE),
        (
            "https://peertube.example/videos/watch/9c9de5e8-0a1e-484a-b099-e80766180a6d",
            "PeerTube",
            "https://peertube.example/videos/embed/9c9de5e8-0a1e-484a-b099-e80766180a6d",
        ),
        (
            "https://münchen.tube/w/kkGMgK9ZtnKfYAgnEtQxbv",
            "PeerTube",
            "https://xn--mnchen-3ya.tube/videos/embed/kkGMgK9ZtnKfYAgnEtQxbv",
        ),
        (
            f"https://iframe.mediadelivery.net/play/{BUNNY_VIDEO}",
            "Bunny",
            f"https://iframe.mediadelivery.net/embed/{BUNNY_VIDEO}",
        ),
        (
            f"https://player.mediadelivery.net/embed/{BUNNY_VIDEO}?autoplay=true&loop=false",
            "Bunny",
            f"https://player.mediadelivery.net/embed/{BUNNY_VIDEO}",
        ),
    ],
)
def test_addresses_of_providers_become_their_player(address: str, provider: str, player: str) -> None:
    video = parse_video(address)
    assert (video.provider, video.embed_url.partition("?")[0]) == (provider, player)
    assert not re.search("si=|feature|share|list=|index|warning|loop", video.embed_url + video.page_url)


@pytest.mark.parametrize(
    "address",
    ["https://vimeo.com/76979871/abcdef1234", "https://player.vimeo.com/video/76979871?h=abcdef1234"],
)
def test_unlisted_vimeo_video_keeps_its_hash(address: str) -> None:
    video = parse_video(address)
    assert "h=abcdef1234" in video.embed_url
    assert video.page_url == "https://vimeo.com/76979871/abcdef1234"


@pytest.mark.parametrize(
    ("address", "start"),
    [
        ("https://youtu.be/dQw4w9WgXcQ?t=90", "start=90"),
        ("https://www.youtube.com/watch?v=dQw4w9WgXcQ&t=1m30s", "start=90"),
        ("https://www.youtube.com/embed/dQw4w9WgXcQ?start=90", "start=90"),
        ("https://vimeo.com/76979871#t=1m30s", "#t=90s"),
        ("https://framatube.org/w/kkGMgK9ZtnKfYAgnEtQxbv?start=1m30s", "start=90s"),
        (f"https://iframe.mediadelivery.net/embed/{BUNNY_VIDEO}?t=90", "t=90"),
    ],
)
def test_start_time_is_kept(address: str, start: str) -> None:
    video = parse_video(address)
    assert start in video.embed_url
    assert "90" in video.page_url
    assert parse_video(video.page_url) == video


@pytest.mark.parametrize("start", ["soon", "-5", "99999999", "1e9", "٣", "", "9" * 400])
def test_invalid_start_time_is_dropped(start: str) -> None:
    assert "start" not in parse_video(f"https://youtu.be/dQw4w9WgXcQ?t={start}").embed_url


@pytest.mark.parametrize(
    "address",
    [
        "",
        "a video",
        "javascript:alert(1)",
        "javascript://youtu.be/dQw4w9WgXcQ%0aalert(1)",
        "data:text/html,<script>alert(1)</script>",
        "data:text/html;base64,PHNjcmlwdD4=",
        "file:///etc/passwd",
        "ftp://youtu.be/dQw4w9WgXcQ",
        "//youtu.be/dQw4w9WgXcQ",
        "https://youtu.be.example.com/dQw4w9WgXcQ",
        "https://example.com/watch?v=dQw4w9WgXcQ",
        "https://example.com/?u=https://youtu.be/dQw4w9WgXcQ",
        "https://www.y\u043eutube.com/watch?v=dQw4w9WgXcQ",
        "https://youtube.com\\@example.com/watch?v=dQw4w9WgXcQ",
        "https://youtu.be:8443/dQw4w9WgXcQ",
        "https://youtu.be:port/dQw4w9WgXcQ",
        "https://[::1/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://127.0.0.1/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://[::1]/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://localhost/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://2130706433/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://example.com;script-src/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://*.com/w/kkGMgK9ZtnKfYAgnEtQxbv",
        "https://framatube.org/w/short",
        "https://www.youtube.com/watch?v=too-short",
        "https://www.youtube.com/watch?v=dQw4w9WgXcQ%22onload",
        "https://www.youtube.com/@channel",
        "https://vimeo.com/event/12345",
        "https://vimeo.com/user12345",
        "https://vimeo.com/٧٦٩٧٩٨٧١",
        "https://youtu.be/dQw4w9WgXcQ\nhttps://youtu.be/dQw4w9WgXcQ",
        "https://youtu.be/dQw4w9WgXcQ?" + "a=b&" * 200,
        "https://iframe.mediadelivery.net/play/759/not-a-guid",
    ],
)
def test_other_addresses_are_refused_with_an_example_of_what_to_do(address: str) -> None:
    with pytest.raises(VideoAddressError, match=r"YouTube, Vimeo, PeerTube or Bunny|code for embedding"):
        parse_video(address)
    assert find_video(address) is None


@pytest.mark.parametrize(
    ("address", "words"),
    [
        ("https://www.youtube.com/playlist?list=PL123", "playlist"),
        ("https://www.youtube.com/embed/videoseries?list=PL123", "playlist"),
        ("https://framatube.org/w/p/kkGMgK9ZtnKfYAgnEtQxbv", "playlist"),
        ("https://user:password@youtu.be/dQw4w9WgXcQ", "password"),
        ("https://youtube.com@example.com/watch?v=dQw4w9WgXcQ", "user name"),
        ('<iframe src="https://www.youtube.com/embed/dQw4w9WgXcQ"></iframe>', "embedding"),
    ],
)
def test_frequent_mistakes_have_their_own_error(address: str, words: str) -> None:
    with pytest.raises(VideoAddressError, match=words):
        parse_video(address)


@example("https://youtu.be/dQw4w9WgXcQ")
@given(
    st.text(alphabet="htps:/youtube.cmwavid?=&#@%;'\"<>[]\\ \n\t0aQéо\u200b\u2028", max_size=80)
    | st.builds("https://{}/w/kkGMgK9ZtnKfYAgnEtQxbv{}".format, st.text(max_size=30), st.text(max_size=30))
)
def test_any_text_is_refused_or_becomes_a_plain_https_address(text: str) -> None:
    try:
        video = parse_video(text)
    except VideoAddressError:
        return
    for url in (video.embed_url, video.page_url):
        assert re.fullmatch(r"https://[a-z0-9.-]+/[\w/?&=#.-]*", url, re.ASCII), url
        assert urlsplit(url).hostname
    assert re.fullmatch(r"https://[a-z0-9.-]+", video.origin)
    assert parse_video(video.page_url) == video


# --- in Markdown ----------------------------------------------------------------------------------------------

ADDRESS = "https://youtu.be/dQw4w9WgXcQ"


@pytest.mark.parametrize(
    "text",
    [
        ADDRESS,
        f"<{ADDRESS}>",
        f"Watch this:\n{ADDRESS}\nThen go on.",
        f"# Title\n{ADDRESS}\n\n* a list",
        f"   {ADDRESS}  ",
        f"| a |\n|---|\n| b |\n\n{ADDRESS}",
        f"A quote\n> of somebody\n\n{ADDRESS}",
    ],
)
def test_address_on_a_line_of_its_own_becomes_a_player(text: str) -> None:
    rendered = render_lesson_text(text, "Grids")
    assert [video.provider for video in rendered.videos] == ["YouTube"]
    assert rendered.html.count("data-video=") == 1
    assert "<p></p>" not in rendered.html


@pytest.mark.parametrize(
    "text",
    [
        f"See {ADDRESS} for more.",
        f"`{ADDRESS}`",
        f"```\n{ADDRESS}\n```",
        f"    {ADDRESS}",
        f"[a video]({ADDRESS})",
        f"> {ADDRESS}",
        f"* {ADDRESS}",
        "https://example.com/dQw4w9WgXcQ",
        "javascript:alert(1)",
        "youtu.be/dQw4w9WgXcQ",
    ],
)
def test_address_elsewhere_stays_text(text: str) -> None:
    rendered = render_lesson_text(text, "Grids")
    assert not rendered.videos
    assert "data-video" not in rendered.html


def test_title_with_html_is_escaped_in_the_player() -> None:
    html = render_lesson_text(f"{ADDRESS}\n{ADDRESS}", '"><script>alert(1)</script>').html
    assert "<script" not in html
    assert 'data-title="&quot;&gt;&lt;script&gt;' in html
    assert html.count("data-video=") == 2


@given(st.text(alphabet="htps:/youtu.beQw4w9WgXcd <>[]()`*#>-|\n\t", max_size=120))
def test_any_lesson_text_contains_only_players_of_the_found_videos(text: str) -> None:
    rendered = render_lesson_text(f"{text}\n{ADDRESS}\n{text}", "Grids")
    assert rendered.html.count("data-video=") == len(rendered.videos)
    assert not re.search(r"<(?:script|iframe)\b", rendered.html)
