"""`manage.py setup_demo` adds content to the demo products, and changes nothing that exists."""

from __future__ import annotations

import hashlib
import zipfile
from typing import Any

import pytest
from django.core.management import call_command

from apps.devtools import demo_goods
from apps.devtools.management.commands.setup_demo import PASSWORD
from apps.ecommerce.models import (
    Category,
    FaqEntry,
    FileVersion,
    Lesson,
    ProductConfiguration,
    ProductFile,
    Section,
    Tag,
)
from apps.users.models import User
from stripe_sandbox.demo.catalogue import PRODUCTS, ensure_demo_catalogue

pytestmark = pytest.mark.django_db
MODELS = (Category, Tag, FaqEntry, FileVersion, Lesson, ProductFile, Section)


@pytest.fixture
def demo(sandbox: Any, settings: Any) -> None:
    """Create the demo products without goods."""
    settings.DEBUG = True
    ensure_demo_catalogue()
    call_command("bootstrap_ecommerce", verbosity=0)


def count_rows() -> list[int]:
    return [model._default_manager.count() for model in MODELS]


def test_every_demo_product_gets_its_content(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    assert ProductConfiguration.objects.count() == len(PRODUCTS)
    for configuration in ProductConfiguration.objects.all():
        assert configuration.content
        assert configuration.specifications
        assert configuration.category
        assert configuration.tags.exists()
        assert configuration.faq.exists()
        assert configuration.product.features
        assert configuration.files.exists()
    for version in FileVersion.objects.all():
        with version.upload.open() as file:
            data = file.read()
        assert (version.size, version.sha256) == (len(data), hashlib.sha256(data).hexdigest())
    assert 3 <= Category.objects.count() <= 6
    assert Lesson.objects.filter(is_preview=True).count() == 3
    assert ProductFile.objects.filter(is_sample=True).count() >= 5
    assert list(ProductFile.objects.exclude(plan="").values_list("plan", flat=True)) == [
        price.nickname for product in PRODUCTS if product.slug == "launch-pages" for price in product.prices
    ]


def test_download_of_icons_has_240_drawings(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    version = FileVersion.objects.get(file__configuration__slug="tiny-tools", file__is_sample=False)
    with version.upload.open() as file, zipfile.ZipFile(file) as archive:
        assert len([name for name in archive.namelist() if name.endswith(".svg")]) == 240


def test_course_has_sections_videos_and_attachments(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    lessons = Lesson.objects.filter(section__configuration__slug="ship-small")
    assert [lesson.title for lesson in lessons] == [
        "Choose one problem",
        "Design the first screen",
        "Plan your evenings",
        "Set a price",
        "Ask ten people",
        "Launch and improve",
    ]
    for lesson in lessons:
        assert not lesson.text.startswith("#")
        assert lesson.attachments.count() == 1
        with lesson.video_file.open() as file:
            assert file.read(12)[4:8] == b"ftyp"


def test_newest_version_comes_first(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    versions = FileVersion.objects.filter(file__configuration__slug="seven-palettes")
    assert [version.label for version in versions] == ["1.1", "1.0"]
    assert versions[0].size > versions[1].size


def test_setup_demo_can_be_repeated(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    rows = count_rows()
    call_command("setup_demo", verbosity=0)
    assert count_rows() == rows


def test_setup_demo_keeps_what_the_founder_changed(demo: None) -> None:
    call_command("setup_demo", verbosity=0)
    User.objects.filter(email="ada@example.com").update(name="Changed")
    row = ProductConfiguration.objects.filter(slug="tiny-tools")
    row.update(content="", specifications="", category=None)
    FaqEntry.objects.filter(configuration__slug="tiny-tools").update(answer="My own words")
    ProductFile.objects.filter(configuration__slug="tiny-tools").delete()
    rows = count_rows()
    call_command("setup_demo", verbosity=0)
    assert (row.get().content, count_rows()) == ("", rows)
    assert User.objects.get(email="ada@example.com").name == "Changed"


@pytest.mark.parametrize(
    "own", [{"content": "My own words"}, {"description": "Mine"}, {"specifications": "Size: 1"}]
)
def test_product_with_own_texts_gets_no_demo_content(demo: None, own: dict[str, str]) -> None:
    ProductConfiguration.objects.filter(slug="tiny-tools").update(**own)
    call_command("setup_demo", verbosity=0)
    assert not ProductFile.objects.filter(configuration__slug="tiny-tools").exists()


def test_own_product_gets_no_demo_content(icons: ProductConfiguration, settings: Any) -> None:
    settings.DEBUG = True
    call_command("setup_demo", verbosity=0)
    assert count_rows() == [0] * len(MODELS)
    assert ProductConfiguration.objects.get().content == ""


def test_failed_product_is_left_empty(demo: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def fail(*args: object) -> bytes:
        raise OSError("No space left on device")

    with monkeypatch.context() as patch:
        patch.setattr(demo_goods, "make_zip", fail)
        with pytest.raises(OSError, match="No space"):
            call_command("setup_demo", verbosity=0)
    call_command("setup_demo", verbosity=0)
    assert Lesson.objects.filter(section__configuration__slug="ship-small").count() == 6
    assert FileVersion.objects.filter(file__configuration__slug="ship-small").count() == 7


def test_existing_category_and_tag_are_used(demo: None) -> None:
    category, tag = (
        Category.objects.create(name="Design", slug="things"),
        Tag.objects.create(name="S-V-G", slug="svg"),
    )
    call_command("setup_demo", verbosity=0)
    icons = ProductConfiguration.objects.get(slug="tiny-tools")
    assert icons.category == category
    assert tag in icons.tags.all()


def test_setup_demo_creates_users(db: None, settings: Any) -> None:
    settings.DEBUG = True
    call_command("setup_demo", verbosity=0)
    assert User.objects.get(email="olive@example.com").is_superuser
    assert User.objects.get(email="ada@example.com").check_password(PASSWORD)
