"""The files that a purchase includes."""

from collections.abc import Callable, Collection
from dataclasses import dataclass
from functools import partial

from django.db import transaction
from django.utils import timezone

from apps.core.page_cache import public_data
from apps.ecommerce.models import FileVersion, Lesson, ProductConfiguration, ProductFile


@dataclass(frozen=True, slots=True)
class ListedFile:
    """A file with at least one version. `versions` begin with the newest."""

    file: ProductFile
    versions: list[FileVersion]
    is_included: bool = True

    @property
    def newest(self) -> FileVersion:
        return self.versions[0]

    @property
    def earlier(self) -> list[FileVersion]:
        return self.versions[1:]


def required_plans(file: ProductFile) -> set[str]:
    """Return the plan of the file, and that of its lesson. Buyers need all of them."""
    plans = (file.plan, file.lesson.plan if file.lesson else "")
    return {plan for plan in plans if plan}


def is_included(file: ProductFile, plans: Collection[str]) -> bool:
    return file.is_sample or required_plans(file) <= set(plans)


def keep_plan(sender: type[Lesson], instance: Lesson, **signal: object) -> None:
    """Copy the plan of a lesson to its files before the lesson is deleted. The files stay with the product."""
    if instance.plan:
        ProductFile.objects.filter(lesson=instance, plan="").update(plan=instance.plan)


def list_files(
    configuration: ProductConfiguration, plans: Collection[str] = (), lesson: Lesson | None = None
) -> list[ListedFile]:
    """Return the files of the lesson, or the product's own files, without those of lessons."""
    files = configuration.files.filter(lesson=lesson).prefetch_related("versions")
    return [
        ListedFile(file, versions, is_included(file, plans))
        for file in (files.select_related("lesson") if lesson else files)
        if (versions := list(file.versions.all()))
    ]


def first_version(configuration: ProductConfiguration, plans: Collection[str]) -> FileVersion | None:
    """Return the newest version of the first file that these plans include."""
    files = list_files(configuration, plans)
    return next((listed.newest for listed in files if listed.is_included), None)


def has_download(configuration: ProductConfiguration, read_plans: Callable[[], Collection[str]]) -> bool:
    """Return whether the owner's plans include one of the product's own files. Read the plans only if they matter."""
    files = public_data(f"files {configuration.pk}", lambda: list_files(configuration))
    if any(is_included(listed.file, ()) for listed in files):
        return True
    plans = read_plans() if files else ()
    return any(is_included(listed.file, plans) for listed in files)


def delete_upload(instance: FileVersion, **signal: object) -> None:
    """Delete the file of a deleted version, after the commit."""
    transaction.on_commit(partial(_delete_if_unused, instance), robust=True)


def _delete_if_unused(version: FileVersion) -> None:
    name = str(version.upload.name)
    if name and not FileVersion.objects.filter(upload=name).exists():
        version.upload.storage.delete(name)


def record_change(instance: ProductFile | FileVersion, **signal: object) -> None:
    """Store when the product page last changed."""
    rows = ProductConfiguration.objects.all()
    if isinstance(instance, FileVersion):
        rows = rows.filter(files=instance.file_id)
    else:
        rows = rows.filter(pk=instance.configuration_id)
    rows.update(changed_at=timezone.now())


def measure_versions() -> list[str]:
    """Set size, checksum and date of versions that were created without them. Return the names of missing files."""
    missing = []
    for version in FileVersion.objects.filter(sha256="").iterator():
        name = str(version.upload.name)
        if not version.upload.storage.exists(name):
            missing.append(name)
            continue
        version.measure()
        created_at = min(version.created_at, version.upload.storage.get_modified_time(name))
        values = {"size": version.size, "sha256": version.sha256, "created_at": created_at}
        FileVersion.objects.filter(pk=version.pk).update(**values)
    return missing
