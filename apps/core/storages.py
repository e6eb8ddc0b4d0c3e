"""Files in S3-compatible storage (setting STORAGE_URL) instead of on this machine's disk.

One private bucket: product images below media/, which this site serves itself; what buyers download below private/,
reached by links that are signed for a minute.
"""

from __future__ import annotations

from typing import Any
from urllib.parse import urljoin

from botocore.config import Config
from django.conf import settings
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage

CLIENT = Config(
    signature_version="s3v4",
    connect_timeout=5,  # seconds
    read_timeout=20,
    retries={"max_attempts": 2},
    # The checksums that Amazon's own servers would like are refused by some others'.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class PrivateBucket(S3Storage):  # type: ignore[misc]
    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "client_config": CLIENT, "file_overwrite": False}


class MediaBucket(PrivateBucket):
    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        """An address of this site (or of a CDN before it, setting MEDIA_URL): the bucket itself has none."""
        return urljoin(settings.MEDIA_URL, filepath_to_uri(name))
