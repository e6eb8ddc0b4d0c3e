"""The access table has no rows of URLs that do not exist."""

from tests.integration.test_access import GET, POST, rows
from tests.integration.urls import site_urls


def test_each_access_row_belongs_to_a_url() -> None:
    found = {url.name for url in site_urls() if not url.is_admin} | {"admin"}
    assert not (rows(GET).keys() | rows(POST).keys()) - found
