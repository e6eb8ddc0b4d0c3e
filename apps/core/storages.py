"""Storages in an S3-compatible bucket (STORAGE_URL): product images in media/, paid files in private/."""

from typing import Any
from urllib.parse import urljoin

from botocore.config import Config
from django.conf import settings
from django.utils.encoding import filepath_to_uri
from storages.backends.s3 import S3Storage

CLIENT_CONFIG = Config(
    signature_version="s3v4",
    connect_timeout=5,  # in seconds
    read_timeout=20,
    retries={"max_attempts": 2},
    # Some S3-compatible servers refuse the checksums that boto sends by default.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)


class PrivateBucket(S3Storage):  # type: ignore[misc]
    def get_default_settings(self) -> dict[str, Any]:
        return {**super().get_default_settings(), "client_config": CLIENT_CONFIG, "file_overwrite": False}


class MediaBucket(PrivateBucket):
    def url(self, name: str, *args: Any, **kwargs: Any) -> str:
        """Return a URL below MEDIA_URL (this site or a CDN): the bucket is private."""
        return urljoin(settings.MEDIA_URL, filepath_to_uri(name))
