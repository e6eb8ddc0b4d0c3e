from playwright.sync_api import Page, expect

from apps.ecommerce.models import ProductConfiguration
from apps.users.models import User
from tests.e2e.pages.store import Store
from tests.e2e.users import sign_in
from tests.factories import buy, signed_in


def test_store_sends_one_request_when_its_tab_becomes_visible_again(
    page: Page, ada: User, goods: ProductConfiguration
) -> None:
    store = Store(sign_in(page, ada)).goto()
    requests: list[str] = []
    page.on("request", lambda request: requests.append(request.url))
    buy(signed_in(ada), goods)
    expect(store.card(goods.product.name)).to_contain_text("$")
    page.evaluate("() => new Promise((done) => setTimeout(done, 2000))")
    assert requests == []
    page.evaluate("document.dispatchEvent(new Event('visibilitychange'))")
    expect(store.owned_badge(goods.product.name)).to_be_visible()
    assert len([url for url in requests if "/purchases/changes/" in url]) == 1
