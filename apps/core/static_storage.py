from functools import cache

from whitenoise.storage import CompressedManifestStaticFilesStorage


class StaticStorage(CompressedManifestStaticFilesStorage):  # type: ignore[misc]
    @cache  # noqa: B019  (one storage per process, in which files and settings do not change)
    def url(self, name: str | None, force: bool = False) -> str:
        return str(super().url(name, force))
