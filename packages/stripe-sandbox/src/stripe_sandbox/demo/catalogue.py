"""Demo products with all kinds of prices. Their images are in static/stripe_sandbox/art/<slug>.svg."""

from dataclasses import dataclass

from django.conf import settings

from .. import storage
from ..resources import price_amounts, prices, products


@dataclass(frozen=True)
class DemoPrice:
    """`amount` is in minor units. `interval` is "month" or "year" for a recurring price.

    With `minimum`, buyers choose what to pay, and `amount` is the suggestion. `others` are amounts in other currencies.
    """

    amount: int
    nickname: str = ""
    currency: str = "usd"
    interval: str = ""
    trial_days: int = 0
    minimum: int = 0
    others: tuple[tuple[str, int], ...] = ()


@dataclass(frozen=True)
class DemoProduct:
    """The first price is the default price. More images are in <slug>-2.svg, <slug>-3.svg, …"""

    slug: str
    name: str
    tagline: str
    description: str
    prices: tuple[DemoPrice, ...]
    pictures: int = 1


PRODUCTS = (
    DemoProduct(
        "ship-small",
        "Ship Small",
        "A video course on launching a small product in 30 evenings.",
        "Six lessons with four hours of video take you from an idea to your first sale. You choose one problem to "
        "solve, build a first version, set a price and ask ten people to buy. Each lesson comes with a transcript "
        "and a worksheet. Watch online or download the files.",
        (DemoPrice(7900),),
    ),
    DemoProduct(
        "tiny-tools",
        "Tiny Tools",
        "240 colorful icons for websites and apps.",
        "240 icons on a 24-pixel grid, designed to work well next to text. Each icon comes in three styles: line, "
        "solid and two-color. The SVG files are clean and easy to restyle with CSS. Use them in your own projects "
        "and in client work.",
        (DemoPrice(2900),),
        pictures=3,
    ),
    DemoProduct(
        "workshop",
        "The Workshop",
        "A membership for makers of digital products.",
        "Join two live sessions a month in which we review members' projects. You also get the recordings of all "
        "past sessions and a members' forum for your questions. Cancel any time: you keep access until the end of "
        "the period you paid for.",
        (DemoPrice(900, "Monthly", interval="month"), DemoPrice(9000, "Yearly", interval="year")),
    ),
    DemoProduct(
        "fair-price",
        "A Fair Price",
        "A short book about pricing your work.",
        "Learn how to set a price that pays for your time, how to present it, and how to raise it. 144 pages with "
        "exercises and eleven real price lists, including what their owners changed and why. You decide what the book "
        "is worth to you. PDF and EPUB without copy protection.",
        (DemoPrice(1900, minimum=900),),
    ),
    DemoProduct(
        "launch-pages",
        "Launch Pages",
        "Twelve fast landing page templates in plain HTML and CSS.",
        "Home, pricing, waiting list, changelog and eight more pages, without a build step. All templates are "
        "responsive, accessible and support dark mode. Choose the license that fits: each one includes the same "
        "files and a year of updates.",
        (
            DemoPrice(3900, "Personal: one site"),
            DemoPrice(9900, "Studio: unlimited client sites"),
            DemoPrice(19900, "Product: use in products you sell"),
        ),
        pictures=3,
    ),
    DemoProduct(
        "tsumiki",
        "Tsumiki",
        "A geometric typeface for headings.",
        "Tsumiki (積み木, building blocks) is a typeface made of simple shapes. It has four weights and a variable "
        "font, Latin and kana characters, and tabular figures. Desktop and web license for up to five people. OTF "
        "and WOFF2.",
        (DemoPrice(4800, currency="jpy", others=(("eur", 2900), ("usd", 3200))),),
    ),
    DemoProduct(
        "sunday-letter",
        "The Sunday Letter",
        "A weekly newsletter about making and selling products.",
        "Every Sunday, one maker explains how they designed, built and sold a product, including the numbers. A "
        "ten-minute read without advertising. Try it free for 14 days: if you cancel before the trial ends, you "
        "pay nothing.",
        (DemoPrice(500, interval="month", trial_days=14),),
    ),
    DemoProduct(
        "quiet-hours",
        "Quiet Hours",
        "Nine hours of ambient sound for focused work.",
        "Nine one-hour recordings, such as a night train, a library and rain on a roof. Each one was recorded in a "
        "single take, without loops or sudden noises. FLAC and MP3, including a license for films and games. Pay "
        "in euros by card or SEPA direct debit.",
        (DemoPrice(2400, currency="eur"),),
    ),
    DemoProduct(
        "seven-palettes",
        "Seven Palettes",
        "28 matching colors for your next project, free.",
        "Seven color palettes with four colors each, from a dark text color to a light background. All text colors "
        "have been checked for contrast. Includes CSS variables and a printable card.",
        (DemoPrice(0),),
    ),
)


def ensure_demo_catalogue() -> None:
    """Create the demo products without events, unless a product exists.

    The last one first: Stripe lists the newest first, so lists have the order of this file.
    """
    with storage.transaction():
        if not storage.page("product", limit=1)[0]:
            for product in reversed(PRODUCTS):
                _create(product)


def _create(demo: DemoProduct) -> None:
    # Fixed ids, so that the store keeps URLs and content of its products after "Start over".
    name = demo.slug.replace("-", "_")
    files = [demo.slug, *(f"{demo.slug}-{number}" for number in range(2, demo.pictures + 1))]
    product = products.new(
        demo.name,
        id=f"prod_{name}",
        description=demo.description,
        images=[f"{settings.SITE_URL}/static/stripe_sandbox/art/{file}.svg" for file in files],
        metadata={"slug": demo.slug, "tagline": demo.tagline},
    )
    numbered_prices = list(enumerate(demo.prices, start=1))
    price_ids = [
        _price(product["id"], f"price_{name}_{number}", price) for number, price in reversed(numbered_prices)
    ]
    storage.update(product["id"], default_price=price_ids[-1])


def _price(product_id: str, price_id: str, demo: DemoPrice) -> str:
    trial = {"trial_period_days": demo.trial_days} if demo.trial_days else {}
    recurring = {"interval": demo.interval, **trial} if demo.interval else None
    nickname, amount = demo.nickname or None, None if demo.minimum else demo.amount
    custom = {"maximum": None, "minimum": demo.minimum, "preset": demo.amount} if demo.minimum else None
    fields = {"id": price_id, "nickname": nickname, "custom_unit_amount": custom}
    price = prices.new(product_id, demo.currency, amount, recurring, **fields)
    options = {"currency_options": {code: {"unit_amount": other} for code, other in demo.others}}
    price_amounts.store_currency_options(
        price, price_amounts.pop_currency_options(options, demo.currency, "")
    )
    return price_id
