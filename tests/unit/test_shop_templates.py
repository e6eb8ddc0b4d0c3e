from pathlib import Path

import pytest
from django.conf import settings as project
from django.template import Engine, TemplateSyntaxError
from django.template.loader import get_template

from tests import template_loaders

FOLDER = Path(project.SHOP_DIR) / "templates"
LOADERS = [("tests.template_loaders.CachedLoader", ["tests.template_loaders.FilesystemLoader"])]


def test_each_template_of_the_shop_compiles() -> None:
    for path in sorted(path for path in FOLDER.rglob("*") if path.suffix in (".html", ".txt", ".xml")):
        try:
            get_template(path.relative_to(FOLDER).as_posix())
        except TemplateSyntaxError as error:
            pytest.fail(f"{path}: {error}")


def test_integration_tests_use_the_templates_own_files(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(template_loaders, "SHOP_TEMPLATES", tmp_path)
    for name in ("base.html", "new.html"):
        (tmp_path / name).write_text("of the shop")
    engine = Engine(dirs=[tmp_path, project.BASE_DIR / "templates"], loaders=LOADERS, libraries={})

    def is_from_shop(name: str) -> bool:
        return Path(engine.find_template(name)[0].origin.name).is_relative_to(tmp_path)

    assert is_from_shop("base.html")
    monkeypatch.setattr(template_loaders, "are_shop_files_skipped", True)
    assert is_from_shop("new.html")
    # The template's base.html needs a tag library that this engine does not have.
    with pytest.raises(TemplateSyntaxError, match="not a registered tag library"):
        is_from_shop("base.html")
