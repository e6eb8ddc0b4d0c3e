"""The files that a purchase includes."""

from collections.abc import Collection
from dataclasses import dataclass

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
    """Give the lesson's plan to its files before it is deleted: they stay, as files of the product."""
    if instance.plan:
        ProductFile.objects.filter(lesson=instance, plan="").update(plan=instance.plan)


def list_files(
    configuration: ProductConfiguration, plans: Collection[str] = (), lesson: Lesson | None = None
) -> list[ListedFile]:
    """Return the files of the lesson, or the product's own files, without those of lessons."""
    files = configuration.files.filter(lesson=lesson).select_related("lesson").prefetch_related("versions")
    return [
        ListedFile(file, versions, is_included(file, plans))
        for file in files
        if (versions := list(file.versions.all()))
    ]


def first_version(configuration: ProductConfiguration, plans: Collection[str]) -> FileVersion | None:
    """Return the newest version of the first file that these plans include."""
    files = list_files(configuration, plans)
    return next((listed.newest for listed in files if listed.is_included), None)
