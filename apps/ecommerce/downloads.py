"""Files behind the gate: from the disk, in whole or in ranges (RFC 9110, section 14), so that a broken one goes on;
or by a signed link to S3-compatible storage.
"""

from __future__ import annotations

import mimetypes
import re
from collections.abc import Iterator
from pathlib import PurePosixPath
from typing import IO, Any

from django.core.files.base import File
from django.core.files.storage import FileSystemStorage
from django.db.models.fields.files import FieldFile
from django.http import FileResponse, HttpRequest, HttpResponse, HttpResponseRedirect
from django.http.response import HttpResponseBase, StreamingHttpResponse
from django.utils.http import content_disposition_header, http_date

CHUNK_BYTES = 64 * 1024
LINK_SECONDS = 60  # to begin the download; one that has begun goes on
RANGE = re.compile(r"bytes=(\d*)-(\d*)")


class PrivateStorage(FileSystemStorage):
    """A folder that no address leads to."""

    def url(self, name: str | None) -> str:
        raise ValueError(f"{name} has no address: only purchased_download gives it out.")


def hand_out(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """The file: from this machine's disk, or a link to the bucket that works for LINK_SECONDS and is signed for this
    file alone. The bucket answers ranges by itself.
    """
    if isinstance(file.storage, FileSystemStorage):
        return ranged_file(request, file)
    name = PurePosixPath(str(file.name)).name
    shown_as = {"ResponseContentDisposition": content_disposition_header(True, name) or "attachment"}
    storage: Any = file.storage  # PrivateBucket
    return HttpResponseRedirect(storage.url(str(file.name), parameters=shown_as, expire=LINK_SECONDS))


def ranged_file(request: HttpRequest, file: FieldFile) -> HttpResponseBase:
    """The file under its own name: 200 whole, 206 the one range asked for, 416 a range it does not have.

    Several ranges at once, other units and nonsense are answered with the whole file, as the RFC allows.
    """
    name, size = PurePosixPath(str(file.name)).name, file.size
    modified = file.storage.get_modified_time(str(file.name)).timestamp()
    etag = f'"{int(modified)}-{size}"'
    kind = mimetypes.guess_type(name)[0] or "application/octet-stream"
    wanted = _range(request, size, etag)
    response: HttpResponseBase
    if wanted is None:
        response = FileResponse(file.open("rb"), content_type=kind)
        response["Content-Length"] = str(size)
    elif wanted.start >= size or not wanted:
        response = HttpResponse(status=416)
        response["Content-Range"] = f"bytes */{size}"
    else:
        response = StreamingHttpResponse(_read(file, wanted), status=206, content_type=kind)
        response["Content-Range"] = f"bytes {wanted.start}-{wanted.stop - 1}/{size}"
        response["Content-Length"] = str(len(wanted))
    response["Accept-Ranges"] = "bytes"
    response["ETag"] = etag
    response["Last-Modified"] = http_date(modified)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"  # whatever a browser makes of it
    response["Content-Disposition"] = content_disposition_header(True, name) or "attachment"
    return response


def _range(request: HttpRequest, size: int, etag: str) -> range | None:
    """The bytes asked for, cut to the file's end; None for the whole file, an empty range when there are none."""
    match = RANGE.fullmatch(request.headers.get("Range", "").strip())
    if not match or request.headers.get("If-Range", etag) != etag:
        return None
    first, last = match.groups()
    if not first:
        return range(max(size - int(last), 0), size) if last else None
    if last and int(last) < int(first):
        return None
    return range(int(first), min(int(last) + 1 if last else size, size))


def _read(file: File, wanted: range) -> Iterator[bytes]:
    with file.open("rb") as source:
        stream: IO[bytes] = source.file or source
        stream.seek(wanted.start)
        left = len(wanted)
        while left and (chunk := stream.read(min(CHUNK_BYTES, left))):
            left -= len(chunk)
            yield chunk
