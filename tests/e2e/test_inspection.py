"""inspect_page.py finds each fault that a style sheet adds to a page."""

from playwright.sync_api import Page

from tests.e2e.inspect_page import problems

ADD_STYLE = """css => {
    const sheet = new CSSStyleSheet();
    sheet.replaceSync(css);
    document.adoptedStyleSheets = [sheet];
}"""
# The faults of one dictionary are added together, because none hides another.
FAULTS = {
    "px as a touch target": ".site-nav__link { min-block-size: 20px !important }",
    "text smaller than 16 px": "#q { font-size: 13px !important }",
    "is cut off": ".card__name { overflow: hidden; white-space: nowrap; inline-size: 3em }",
    "sticky elements cover": ".site-header { position: sticky; inset-block-start: 0; block-size: 200px }",
    "is focused but not visible": ".site-footer a { opacity: 0.01; transform: translateX(-200vw) }",
}
FAULTS_WITHIN_FRAME = {
    "color-contrast": ".card__line { color: #aaa !important }",
    "does not show its focus": ":focus { outline: none !important; box-shadow: none !important }",
    "px wide on a screen": ".page-head { inline-size: 500px }",
    "focus moves up": ".product-grid { display: flex !important; flex-direction: column-reverse }",
}


def test_each_added_fault_is_found(page: Page) -> None:
    page.goto("/store/")
    frames: set[str] = set()  # the second check finds the frame in it
    for faults in (FAULTS, FAULTS_WITHIN_FRAME):
        page.evaluate(ADD_STYLE, " ".join(faults.values()))
        found = problems(page, checked_frames=frames)
        assert [fault for fault in faults if not any(fault in problem for problem in found)] == []
    assert not any("Privacy" in problem for problem in found), "The frame was checked twice."
