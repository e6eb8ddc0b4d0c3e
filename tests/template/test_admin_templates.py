"""The templates of Django's admin of which this project has a changed copy are those that were copied."""

from hashlib import sha256
from pathlib import Path

import pytest
from django.contrib import admin

from scripts.environment import ROOT

FOLDER = Path(admin.__file__).parent / "templates"
# After an update of Django, copy what has changed into templates/admin/, then enter the new hash here.
COPIED = {
    "admin/change_list_results.html": "c8ea5bd68f8be58b",
    "admin/edit_inline/tabular.html": "ef1b0d9b50be1e24",
    "admin/filter.html": "72f8dacc61259f70",
}


@pytest.mark.parametrize("name", COPIED)
def test_copied_templates_are_those_of_this_django(name: str) -> None:
    assert (ROOT / "templates" / name).exists()
    assert sha256((FOLDER / name).read_bytes()).hexdigest()[:16] == COPIED[name]
