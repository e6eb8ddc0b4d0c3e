"""Files with versions: the founder uploads and announces them, and owners download them and unsubscribe."""

import re
from pathlib import Path
from typing import Any

from playwright.sync_api import Page, expect

from apps.devtools.mailbox import get_content, list_mails
from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.pages.admin import FileAdmin
from tests.e2e.pages.library import GatedPage
from tests.e2e.pages.product import ProductPage
from tests.e2e.screens import both_screens, on_phone, without_javascript
from tests.e2e.users import buy_without_browser, sign_in
from tests.factories import add_file, add_version


def test_founder_announces_a_version_and_an_owner_unsubscribes(
    page: Page, new_context: Any, ada: User, olive: User, goods: ProductConfiguration, tmp_path: Path
) -> None:
    buy_without_browser(ada, goods.slug)
    founder = FileAdmin(sign_in(page, olive))
    (tmp_path / "icons.zip").write_bytes(b"more icons")
    founder.goto(goods.files.get())
    founder.add_version(tmp_path / "icons.zip", label="2.0", notes="Now with **arrows**.")
    founder.notify_owners()
    expect(founder.messages).to_contain_text("1 owner gets an e-mail")

    (text,) = [get_content(mail, "plain") for mail in list_mails().values() if mail["List-Unsubscribe"]]
    assert "Now with" in text
    links = re.findall(r"https?://\S+", text)
    owner = sign_in(new_context().new_page(), ada)
    owner.goto(next(link for link in links if link.endswith(f"/purchases/{goods.slug}/")))
    assert GatedPage(owner).download_file("tiny-tools.zip").path().read_bytes() == b"more icons"

    visitor = new_context().new_page()  # the link works without signing in
    visitor.goto(next(link for link in links if "/unsubscribe/" in link))
    visitor.get_by_role("button", name="Unsubscribe").click()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("You are unsubscribed")
    visitor.get_by_role("button", name="Subscribe again").click()
    expect(visitor.get_by_role("heading", level=1)).to_have_text("Unsubscribe?")


@both_screens
@without_javascript
def test_owner_downloads_each_file_and_an_earlier_version(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    icons = goods.files.get()
    add_version(icons, data=b"newer", label="2.0")
    icons.versions.filter(label="").update(label="1.0")
    add_file(goods, "sources.zip", name="Sources", plan="team")
    buy_without_browser(ada, goods.slug)
    owner = GatedPage(sign_in(page, ada)).goto(goods.slug)
    assert owner.download_file(icons.name).path().read_bytes() == b"newer"
    assert owner.download_earlier(icons.name, "1.0").path().read_bytes() == b"icons"
    expect(owner.file("Sources")).to_be_visible()
    expect(owner.file("Sources").get_by_role("link", name="Download")).to_have_count(0)
    owner.file("Sources").get_by_role("link", name="See plans").click()
    expect(ProductPage(page).heading).to_have_text(goods.product.name)


@on_phone
def test_visitor_downloads_a_sample(page: Page, goods: ProductConfiguration) -> None:
    add_file(goods, "three.zip", b"three icons", name="Three of them", is_sample=True)
    sample = ProductPage(page).goto(goods.slug).download_sample("Three of them")
    assert sample.suggested_filename == "three.zip"
    assert sample.path().read_bytes() == b"three icons"
