import re
from pathlib import Path

import pytest
from django.conf import settings

TEMPLATES = settings.BASE_DIR / "templates"
ID = re.compile(r"\{\{ ?(?:\w+\.)*pk ?\}\}")


@pytest.mark.parametrize("path", sorted(TEMPLATES.rglob("*.html")), ids=lambda path: path.name)
def test_ids_have_no_thousand_separators(path: Path) -> None:
    """With USE_THOUSAND_SEPARATOR, {{ row.pk }} is 1,284 in a link or a form."""
    assert not ID.findall(path.read_text()), "Use {{ row.pk|unlocalize }} and {% load l10n %}."
