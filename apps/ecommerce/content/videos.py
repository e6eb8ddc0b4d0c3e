"""Read the addresses of videos at YouTube, Vimeo, PeerTube and Bunny, as people copy them from their browser.

Only parts that match strict patterns get into the address of the player: no parameters of the original one.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from urllib.parse import SplitResult, parse_qsl, urlencode, urlsplit

from django.utils.translation import gettext as _

MAX_ADDRESS_LENGTH = 500
MAX_START_SECONDS = 24 * 3600
YOUTUBE_HOSTS = frozenset(
    {"youtube.com", "www.youtube.com", "m.youtube.com", "music.youtube.com", "youtu.be"}
    | {"youtube-nocookie.com", "www.youtube-nocookie.com"}
)
VIMEO_HOSTS = frozenset({"vimeo.com", "www.vimeo.com", "player.vimeo.com"})
BUNNY_HOSTS = frozenset({"iframe.mediadelivery.net", "player.mediadelivery.net"})
YOUTUBE_ID = re.compile(r"[A-Za-z0-9_-]{11}")
YOUTUBE_PATH = re.compile(r"/(?:shorts|embed|live|v)/([^/]+)/?")
VIMEO_PATH = re.compile(
    r"/(?:video/|channels/[\w-]+/|groups/[\w-]+/videos/|showcase/\d+/video/|album/\d+/video/)?"
    r"([0-9]{5,12})(?:/([0-9a-f]{6,20}))?/?",
    re.ASCII,
)
VIMEO_HASH = re.compile(r"[0-9a-f]{6,20}")
UUID = r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}"
BUNNY_PATH = re.compile(rf"/(?:embed|play)/([0-9]{{1,10}})/({UUID})/?")
PEERTUBE_PATH = re.compile(rf"/(?:w|videos/watch|videos/embed)/([1-9A-HJ-NP-Za-km-z]{{22}}|{UUID})/?")
PLAYLIST_PATH = re.compile(
    r"/(?:playlist|embed/videoseries|w/p/.*|videos/watch/playlist/.*|video-playlists/.*)/?"
)
HOST = re.compile(
    r"(?=.{4,253}$)(?:[a-z0-9](?:[a-z0-9-]{0,61}[a-z0-9])?\.)+(?:[a-z]{2,63}|xn--[a-z0-9-]{1,59})"
)
START = re.compile(r"(?:([0-9]{1,2})h)?(?:([0-9]{1,3})m)?(?:([0-9]{1,6})s?)?", re.ASCII)


class VideoAddressError(ValueError):
    """Its message is shown to the founder."""


@dataclass(frozen=True, slots=True)
class Video:
    provider: str
    embed_url: str  # URL of the iframe, with autoplay
    page_url: str  # the video's page at the provider, without tracking parameters

    @property
    def origin(self) -> str:
        """Return what the Content-Security-Policy names in frame-src."""
        parts = urlsplit(self.embed_url)
        return f"{parts.scheme}://{parts.netloc}"


def parse_video(address: str) -> Video:
    """Return the video at this address. Raise VideoAddressError."""
    parts, host = _split(address.strip())
    parameters = dict(parse_qsl(parts.query))
    if host in YOUTUBE_HOSTS:
        video = _youtube(host, parts, parameters)
    elif host in VIMEO_HOSTS:
        video = _vimeo(parts, parameters)
    elif host in BUNNY_HOSTS:
        video = _bunny(host, parts, parameters)
    else:
        video = _peertube(host, parts, parameters)
    if video:
        return video
    if PLAYLIST_PATH.fullmatch(parts.path) or (host in YOUTUBE_HOSTS and "list" in parameters):
        raise VideoAddressError(_("This is the address of a playlist. Copy the address of one video."))
    raise VideoAddressError(_no_video())


def find_video(line: str) -> Video | None:
    """Return the video if the line is the address of one and nothing else, with or without <…>."""
    address = line.strip()
    if address.startswith("<") and address.endswith(">"):
        address = address[1:-1]
    if not re.match(r"https?://\S+$", address, re.IGNORECASE):
        return None
    try:
        return parse_video(address)
    except VideoAddressError:
        return None


def _split(address: str) -> tuple[SplitResult, str]:
    """Return the parts of the address and its host. Raise VideoAddressError unless it is a plain https address."""
    if "<" in address or ">" in address:
        raise VideoAddressError(_("Enter the address of the video only, not its code for embedding."))
    if len(address) > MAX_ADDRESS_LENGTH or re.search(r"[\s\\\x00-\x1f\x7f]", address):
        raise VideoAddressError(_no_video())
    if re.match(r"[\w.-]+\.[a-z]{2,}/", address, re.IGNORECASE):  # copied without the scheme
        address = f"https://{address}"
    try:
        parts = urlsplit(address)
        host = (parts.hostname or "").encode("idna").decode().lower().rstrip(".")
        port = parts.port
    except ValueError as error:  # includes UnicodeError
        raise VideoAddressError(_no_video()) from error
    if parts.username is not None or parts.password is not None:
        raise VideoAddressError(_("The address contains a user name or a password. Remove it."))
    if parts.scheme not in ("http", "https") or port not in (None, 80, 443) or not HOST.fullmatch(host):
        raise VideoAddressError(_no_video())
    return parts, host


def _no_video() -> str:
    return _(
        "This is not the address of a video at YouTube, Vimeo, PeerTube or Bunny. "
        "Open the video there and copy its address."
    )


def _youtube(host: str, parts: SplitResult, parameters: Mapping[str, str]) -> Video | None:
    if host == "youtu.be":
        video_id = parts.path.strip("/")
    elif match := YOUTUBE_PATH.fullmatch(parts.path):
        video_id = match[1]
    else:
        video_id = parameters.get("v", "") if parts.path.rstrip("/") == "/watch" else ""
    if not YOUTUBE_ID.fullmatch(video_id) or video_id == "videoseries":
        return None
    start = _start(parts, parameters)
    return Video(
        "YouTube",
        _with("https://www.youtube-nocookie.com/embed/" + video_id, autoplay=1, rel=0, start=start),
        _with("https://www.youtube.com/watch", v=video_id, t=_seconds(start)),
    )


def _vimeo(parts: SplitResult, parameters: Mapping[str, str]) -> Video | None:
    match = VIMEO_PATH.fullmatch(parts.path)
    if not match:
        return None
    number, unlisted = match[1], match[2] or parameters.get("h", "")
    unlisted = unlisted if VIMEO_HASH.fullmatch(unlisted) else ""
    fragment = f"#t={start}s" if (start := _start(parts, parameters)) else ""
    player = _with(f"https://player.vimeo.com/video/{number}", autoplay=1, dnt=1, h=unlisted)
    page = "/".join(filter(None, ["https://vimeo.com", number, unlisted]))
    return Video("Vimeo", player + fragment, page + fragment)


def _bunny(host: str, parts: SplitResult, parameters: Mapping[str, str]) -> Video | None:
    match = BUNNY_PATH.fullmatch(parts.path)
    if not match:
        return None
    library, guid = match.groups()
    start = _start(parts, parameters)
    return Video(
        "Bunny",
        _with(f"https://{host}/embed/{library}/{guid}", autoplay="true", t=start),
        _with(f"https://{host}/play/{library}/{guid}", t=start),
    )


def _peertube(host: str, parts: SplitResult, parameters: Mapping[str, str]) -> Video | None:
    """PeerTube runs on many hosts, so its paths decide. p2p=0: viewers don't show each other their IP address."""
    match = PEERTUBE_PATH.fullmatch(parts.path)
    if not match:
        return None
    start = _seconds(_start(parts, parameters))
    return Video(
        "PeerTube",
        _with(f"https://{host}/videos/embed/{match[1]}", autoplay=1, p2p=0, start=start),
        _with(f"https://{host}/w/{match[1]}", start=start),
    )


def _start(parts: SplitResult, parameters: Mapping[str, str]) -> int:
    """Return the second at which the video starts: t=90, start=1m30s, #t=90s; 0 without one."""
    in_fragment = dict(parse_qsl(parts.fragment))
    texts = (parameters.get("t"), parameters.get("start"), in_fragment.get("t"))
    match = START.fullmatch(next(filter(None, texts), ""))
    if not match:
        return 0
    hours, minutes, seconds = (int(number or 0) for number in match.groups())
    start = hours * 3600 + minutes * 60 + seconds
    return start if start < MAX_START_SECONDS else 0


def _seconds(start: int) -> str:
    return f"{start}s" if start else ""


def _with(url: str, **parameters: str | int) -> str:
    given = {name: value for name, value in parameters.items() if value or name in ("rel", "p2p")}
    return f"{url}?{urlencode(given)}" if given else url
