"""Files behind the gate: from the disk, in whole or in ranges (RFC 9110, section 14), so that a broken one goes on;
or by a signed link to S3-compatible storage. With DOWNLOADS_SERVED_BY=nginx the proxy in front reads the disk.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Generator
from pathlib import PurePosixPath
from typing import IO, Any
from urllib.parse import quote

from django.conf import settings
from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date

from apps.core.file_slots import RETRY_AFTER_SECONDS, hold_slot
from apps.core.standalone_page import render_standalone

CHUNK_BYTES = 64 * 1024
LINK_SECONDS = 60  # to begin the download; one that has begun goes on
RANGE = re.compile(r"bytes=([0-9]*)-([0-9]*)")
MAX_DIGITS = 18  # of a position in a file; int() refuses thousands of them
ACCEL_PREFIX = "/protected-downloads/"  # as deploy/nginx.conf and deploy/Caddyfile have it


class PrivateStorage(FileSystemStorage):
    """A folder that no address leads to."""

    def url(self, name: str | None) -> str:
        raise ValueError(f"{name} has no address: only purchased_download gives it out.")


def hand_out(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """The file: from this machine's disk, or a link to the bucket that works for LINK_SECONDS and is signed for this
    file alone. The bucket answers ranges by itself.
    """
    if isinstance(file.storage, FileSystemStorage):
        by_proxy = settings.DOWNLOADS_SERVED_BY == "nginx"
        return file_of_proxy(file) if by_proxy else ranged_file(request, file)
    name = PurePosixPath(str(file.name)).name
    shown_as = {"ResponseContentDisposition": content_disposition_header(True, name) or "attachment"}
    storage: Any = file.storage  # PrivateBucket
    return HttpResponseRedirect(storage.url(str(file.name), parameters=shown_as, expire=LINK_SECONDS))


def file_of_proxy(file: FieldFile) -> HttpResponse:
    """Return a response without a body: the proxy sends the file, or the requested range of it."""
    response = HttpResponse(content_type=_kind(file))
    response["X-Accel-Redirect"] = ACCEL_PREFIX + quote(str(file.name))
    _describe(response, file)
    return response


def ranged_file(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """The file under its own name: 200 whole, 206 the one range asked for, 416 a range it does not have; 503 when
    enough downloads are under way.

    Several ranges at once, other units and nonsense are answered with the whole file, as the RFC allows.
    """
    size = file.size
    modified = file.storage.get_modified_time(str(file.name)).timestamp()
    etag = f'"{int(modified)}-{size}"'
    wanted = _range(request, size, etag)
    response: HttpResponseBase
    if wanted is not None and (wanted.start >= size or not wanted):
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
    else:
        response = _sent(request, file, range(size) if wanted is None else wanted)
        if response.status_code == 503:
            return response
        if wanted is not None:
            response.status_code = 206
            response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified)
    _describe(response, file)
    return response


def _sent(request: HttpRequest, file: FieldFile, part: range) -> HttpResponseBase:
    """Send this part of the file; 503 when this process or this user has too many downloads running."""
    response: HttpResponseBase
    if request.method == "HEAD":
        response = HttpResponse(content_type=_kind(file))
    elif chunks := hold_slot(_read(file, part), request.user.pk):
        response = StreamingHttpResponse(chunks, content_type=_kind(file))
    else:
        return too_many(request)
    response["Content-Length"] = str(len(part))
    return response


def too_many(request: HttpRequest) -> HttpResponse:
    return render_standalone(
        request, "ecommerce/too_many_downloads.html", 503, retry_after=RETRY_AFTER_SECONDS
    )


def _kind(file: FieldFile) -> str:
    return mimetypes.guess_type(str(file.name))[0] or "application/octet-stream"


def _describe(response: HttpResponseBase, file: FieldFile) -> None:
    name = PurePosixPath(str(file.name)).name
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"  # whatever a browser makes of it
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"


def _range(request: HttpRequest, size: int, etag: str) -> range | None:
    """The bytes asked for, cut to the file's end; None for the whole file, an empty range when there are none."""
    match = RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = (digits.lstrip("0") or digits[:1] for digits in match.groups())
    first, last = (digits if len(digits) <= MAX_DIGITS else "9" * MAX_DIGITS for digits in (first, last))
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else size, size))


def _read(file: File, wanted: range) -> Generator[bytes]:
    with file.open("rb") as source:
        stream: IO[bytes] = source.file or source
        stream.seek(wanted.start)
        left = len(wanted)
        while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
