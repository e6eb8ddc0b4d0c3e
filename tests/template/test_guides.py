"""The code on the pages in docs/ works: it is applied to a copy of the project, and its tests run there."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest
from django.conf import settings

from scripts.fork_copy import apply_page, copy_project, read_blocks, run, run_tests

GUIDES = sorted((settings.BASE_DIR / "docs" / "guides").glob("*.md"))
REFERENCE_PAGES = sorted((settings.BASE_DIR / "docs").glob("*.md"))

TRANSLATIONS_TEST = """
from django.utils.translation import gettext, override


def test_translations_of_the_shop(settings):
    assert list(dict(settings.LANGUAGES)) == {languages!r}
    for language in ("en", "es"):
        with override(language):
            assert gettext({text!r}) == f"{{language}} {text}"
    with override("de"):
        assert gettext({text!r}) == {german!r}
"""
BRAND_TEST = """
from apps.core.design_tokens import resolve_token
from apps.core.stylesheet import stylesheet


def test_files_of_the_shop_replace_the_templates(client, settings, db):
    assert resolve_token("--brand", "light") == "#0b6e4f"
    assert "--brand: #0b6e4f" in stylesheet()[1]
    assert settings.WHITENOISE_ROOT == settings.BASE_DIR / "apps/shop/static/brand"
    assert client.get("/terms/").status_code == 404
"""
FEATURES_TEST = """
from django.test import Client
from django.urls import NoReverseMatch, reverse

import pytest


def test_pages_work_without_the_features(as_ada: Client) -> None:
    for name in ("account", "mfa_index", "account_email", "usersessions_list", "account_reauthenticate"):
        assert as_ada.get(reverse(name)).status_code == 200, name
    for name in ("account_login", "account_signup", "home"):
        response = Client().get(reverse(name))
        assert response.status_code == 200, name
        assert "X-Robots-Tag" in response.headers
    assert Client().post(reverse("account_signup"), {"email": "eve@example.com"}).context.get("form") is None
    for name in ("mfa_list_webauthn", "mfa_add_webauthn", "mfa_activate_totp", "account_request_login_code"):
        with pytest.raises(NoReverseMatch):
            reverse(name)
    assert as_ada.get("/accounts/2fa/webauthn/add/").status_code == 404
"""


@pytest.fixture(scope="module")
def copy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A copy of the project in which a founder has followed all guides and used all reference pages."""
    target = tmp_path_factory.mktemp("guides") / "shop"
    copy_project(target)
    for page in (*GUIDES, *REFERENCE_PAGES):
        apply_page(page, target)
    return target


@pytest.mark.timeout(600)
def test_tests_of_the_pages_pass(copy: Path) -> None:
    run_tests(copy, "--nomigrations", "apps/shop/tests")


@pytest.mark.timeout(600)
def test_guides_pass_the_checks(copy: Path) -> None:
    for command in (
        ("manage.py", "makemigrations", "--check", "--dry-run"),
        # Sort the imports, as `make format` does.
        ("-m", "ruff", "check", "--fix", "--select", "I", "apps/shop"),
        ("-m", "ruff", "check", "apps/shop"),
        ("scripts/check_imports.py",),
        ("-m", "mypy", "apps", "config"),
    ):
        if "mypy" in command:
            _copy_mypy_cache(copy)
        done = run(copy, *command)
        assert done.returncode == 0, done.stdout + done.stderr


def _copy_mypy_cache(copy: Path) -> None:
    """Copy mypy's results for libraries, if `make lint` or `make test` has stored them."""
    if (cache := settings.BASE_DIR / ".mypy_cache").is_dir():
        shutil.copytree(cache, copy / ".mypy_cache", dirs_exist_ok=True)
    # mypy checks modules that differ from the cached ones. Reverse relations to new models change others.
    for file in [*(copy / "apps").rglob("*.py"), *(copy / "config").rglob("*.py")]:
        file.write_text(file.read_text(encoding="utf-8") + "#\n", encoding="utf-8")


def test_code_that_is_pasted_with_its_imports_passes_the_style_checks(tmp_path: Path) -> None:
    shop = tmp_path / "apps/shop"
    shutil.copytree(settings.BASE_DIR / "apps/shop", shop)
    shutil.copy(settings.BASE_DIR / "pyproject.toml", tmp_path)
    for page in (*GUIDES, *REFERENCE_PAGES):
        for block in read_blocks(page):
            if block.file.startswith("apps/shop/"):
                file = tmp_path / block.file
                file.parent.mkdir(parents=True, exist_ok=True)
                before = file.read_text(encoding="utf-8") if block.appends and file.exists() else ""
                file.write_text(f"{before}\n{block.text}", encoding="utf-8")
    for command in (("check", "--fix", "-q"), ("format", "-q"), ("check",)):
        done = run(tmp_path, "-m", "ruff", *command, "apps/shop")
    assert done.returncode == 0, done.stdout


def test_tests_of_the_shop_may_import_config_and_sandbox(tmp_path: Path) -> None:
    copy = tmp_path / "copy"
    copy_project(copy)
    test = copy / "apps/shop/tests/test_imports.py"
    test.write_text("from config.urls import urlpatterns\nfrom stripe_sandbox.cards import CARDS\n")
    done = run(copy, "scripts/check_imports.py")
    assert done.returncode == 0, done.stdout


@pytest.mark.timeout(300)
def test_files_of_the_shop_replace_the_templates_and_features_are_switched_off(tmp_path: Path) -> None:
    """change-texts-and-colours.md, add-a-language.md, switch-features-off.md"""
    copy = tmp_path / "copy"
    copy_project(copy)
    _translate(copy)
    _replace_files(copy)
    _switch_features_off(copy)
    run_tests(copy, "--nomigrations", "apps/shop/tests", LANGUAGES="en,es", TEST_SHOP_SETTINGS="true")


def _translate(copy: Path) -> None:
    for language in ("en", "es"):
        (copy / "apps/shop/locale" / language / "LC_MESSAGES").mkdir(parents=True)
    run(copy, "scripts/messages.py")
    text = "Store"
    for language in ("en", "es"):
        po = copy / "apps/shop/locale" / language / "LC_MESSAGES" / "django.po"
        empty = f'msgid "{text}"\nmsgstr ""\n'
        assert empty in po.read_text()
        po.write_text(po.read_text().replace(empty, f'msgid "{text}"\nmsgstr "{language} {text}"\n'))
    done = run(copy, "scripts/messages.py")
    assert "apps/shop/locale/en: " in done.stdout, done.stdout + done.stderr
    german = re.search(
        f'msgid "{text}"\nmsgstr "(.+)"', (copy / "locale/de/LC_MESSAGES/django.po").read_text()
    )[1]
    values = {"text": text, "german": german, "languages": ["en", "es"]}
    (copy / "apps/shop/tests/test_texts.py").write_text(TRANSLATIONS_TEST.format(**values))


def _replace_files(copy: Path) -> None:
    brand = (copy / "static/css/brand.css").read_text()
    brand = re.sub(r"--brand: #\w+", "--brand: #0b6e4f", brand)
    (copy / "apps/shop/static/css/brand.css").write_text(brand)
    (copy / "apps/shop/static/brand").mkdir()
    (copy / "apps/shop/static/brand/favicon.ico").touch()
    urls = copy / "apps/shop/urls.py"
    urls.write_text(urls.read_text() + _block("switch-features-off.md", "page_not_found"))
    (copy / "apps/shop/tests/test_files.py").write_text(BRAND_TEST)


def _switch_features_off(copy: Path) -> None:
    page = next(page for page in GUIDES if page.name == "switch-features-off.md")
    apply_page(page, copy)
    lines = [block.text for block in read_blocks(page) if block.text.startswith("    settings[")]
    assert len(lines) >= 5
    shop_settings = copy / "apps/shop/settings.py"
    shop_settings.write_text(shop_settings.read_text() + "\n".join(lines))
    (copy / "apps/shop/tests/test_features.py").write_text(FEATURES_TEST)


def _block(guide: str, word: str) -> str:
    page = next(page for page in GUIDES if page.name == guide)
    return next(block.text for block in read_blocks(page) if word in block.text)
