"""Send files to owners: from the disk, by the proxy (DOWNLOADS_SERVED_BY=nginx), or by a signed URL of a bucket.

Range requests let browsers resume a download, and jump in a video. https://www.rfc-editor.org/rfc/rfc9110#section-14
"""

import mimetypes
import re
from collections.abc import Generator
from hashlib import sha256
from pathlib import PurePosixPath
from typing import Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date

from apps.core.file_slots import RETRY_AFTER_SECONDS, acquire_slot
from apps.core.standalone_page import render_standalone

CHUNK_BYTES = 64 * 1024
LINK_SECONDS = 60  # to start the download, which may take longer
VIDEO_LINK_SECONDS = 6 * 3600  # players request further parts of the same URL while they play
# Players request "bytes=0-" and read as slowly as they play. Parts from memory occupy neither thread nor slot.
VIDEO_PART_BYTES = 512 * 1024
VIDEO_TYPES = {".mp4": "video/mp4", ".m4v": "video/mp4", ".webm": "video/webm"}
RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
MAX_DIGITS = 19  # larger than any file; int() raises ValueError for thousands of digits
ACCEL_PREFIX = "/protected-downloads/"  # deploy/nginx.conf and deploy/Caddyfile have the same prefix


class PrivateStorage(FileSystemStorage):
    def url(self, name: str | None) -> str:
        raise ValueError(f"{name} has no URL: only views/files.py sends it.")


def download_response(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    name = PurePosixPath(str(file.name)).name
    disposition = content_disposition_header(True, name) or "attachment"
    content_type = mimetypes.guess_type(name)[0] or "application/octet-stream"
    return _file_response(request, file, disposition, content_type)


def video_response(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """Send the file for a player in a page: inline, and in parts if the player requests an open range."""
    content_type = VIDEO_TYPES.get(PurePosixPath(str(file.name)).suffix.lower(), "application/octet-stream")
    return _file_response(request, file, "inline", content_type, is_video=True)


def bucket_link(
    file: FieldFile, disposition: str, content_type: str = "", seconds: int = LINK_SECONDS
) -> str:
    """Return a signed URL at the bucket, which handles ranges; "" if the file is on the disk."""
    if isinstance(file.storage, FileSystemStorage):
        return ""
    storage: Any = file.storage  # an instance of PrivateBucket
    parameters = {"ResponseContentDisposition": disposition}
    if content_type:
        parameters["ResponseContentType"] = content_type
    return str(storage.url(str(file.name), parameters=parameters, expire=seconds))


def _file_response(
    request: HttpRequest, file: FieldFile, disposition: str, content_type: str, *, is_video: bool = False
) -> HttpResponseBase:
    seconds = VIDEO_LINK_SECONDS if is_video else LINK_SECONDS
    if link := bucket_link(file, disposition, content_type if is_video else "", seconds):
        return HttpResponseRedirect(link)
    headers = {
        "Content-Type": content_type,
        "Content-Disposition": disposition,
        "Content-Security-Policy": "default-src 'none'; sandbox",  # in case a browser shows the file
    }
    if settings.DOWNLOADS_SERVED_BY == "nginx":
        return HttpResponse(headers={**headers, "X-Accel-Redirect": ACCEL_PREFIX + quote(str(file.name))})
    return _ranged_response(request, file, headers, is_video=is_video)


def _ranged_response(
    request: HttpRequest, file: FieldFile, headers: dict[str, str], *, is_video: bool
) -> HttpResponseBase:
    """Return the file (200), the requested range (206), 416 if the file is shorter, or 503 if no slot is free.

    Several ranges, other units and invalid ranges return the whole file, as the RFC allows. An open range of a video
    returns its first part: a response with less than requested is allowed, and players continue after it.
    """
    size = file.size
    modified = file.storage.get_modified_time(str(file.name)).timestamp()
    # With the name, because another version can have the same size and time.
    etag = f'"{sha256(f"{file.name} {modified} {size}".encode()).hexdigest()[:32]}"'
    headers |= {"Accept-Ranges": "bytes", "ETag": etag, "Last-Modified": http_date(modified)}
    requested = _requested_range(request, size, etag)
    in_parts = is_video and bool(requested) and request.headers["Range"].strip().endswith("-")
    if in_parts and requested:
        requested = requested[:VIDEO_PART_BYTES]
    if requested is None:
        status, part = 200, range(size)
    elif requested:
        status, part = 206, requested
        headers["Content-Range"] = f"bytes {part.start}-{part.stop - 1}/{size}"
    else:
        return HttpResponse(status=416, headers={**headers, "Content-Range": f"bytes */{size}"})
    headers["Content-Length"] = str(len(part))
    if request.method == "HEAD":
        return HttpResponse(status=status, headers=headers)
    if in_parts:
        return HttpResponse(b"".join(_read_chunks(file, part)), status=status, headers=headers)
    buyer_id = request.user.pk or getattr(request.user, "guest_token", None)
    if chunks := acquire_slot(_read_chunks(file, part), buyer_id):
        return StreamingHttpResponse(chunks, status=status, headers=headers)
    template = "ecommerce/too_many_downloads.html"
    return render_standalone(request, template, 503, retry_after=RETRY_AFTER_SECONDS)


def _requested_range(request: HttpRequest, size: int, etag: str) -> range | None:
    """Return the requested bytes that exist, possibly none; None if the whole file is requested."""
    match = RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    start, end = (int(digits.lstrip("0")[:MAX_DIGITS] or 0) for digits in (first, last))
    if not first:
        return range(max(size - end, 0), size) if last else None
    if not last:
        return range(start, size)
    return range(start, min(end + 1, size)) if start <= end else None


def _read_chunks(file: FieldFile, part: range) -> Generator[bytes]:
    with file.open("rb") as source:
        source.seek(part.start)
        left = len(part)
        while left and (chunk := source.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
