"""Demo products with all kinds of prices. Their images are in static/stripe_sandbox/art/<slug>.svg."""

from dataclasses import dataclass

from django.conf import settings

from .. import storage
from ..resources import prices, products


@dataclass(frozen=True)
class DemoPrice:
    """`amount` is in minor units. `interval` is "month" or "year" for a recurring price."""

    amount: int
    nickname: str = ""
    currency: str = "usd"
    interval: str = ""
    trial_days: int = 0


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
        "A video course for people with half a product and thirty evenings.",
        "Six lessons, four hours of video and one working rule: it goes online before it grows. You cut your idea "
        "down to the part somebody needs, build that, put a price on it and ask ten people to pay. Transcripts and "
        "worksheets come with every lesson. Watch it in a browser or take the files with you.",
        (DemoPrice(7900),),
    ),
    DemoProduct(
        "tiny-tools",
        "Tiny Tools",
        "240 icons with a bit of colour and no moods.",
        "Sun, cup, bolt, leaf and 236 others, drawn on one 24-pixel grid so that they sit well beside text and "
        "beside each other. Each comes in line, solid and two-colour, as clean SVG that you can restyle with a "
        "single CSS variable. Use them in anything you make, for yourself or for a client.",
        (DemoPrice(2900),),
        pictures=3,
    ),
    DemoProduct(
        "workshop",
        "The Workshop",
        "A membership for makers who want to see how others work.",
        "Two live sessions a month in which a member's real project is taken apart and put together again, the "
        "recordings of all the earlier ones, and a quiet forum where questions get answers within a day. Leave "
        "whenever you like: you keep your place until the time you have paid for is over.",
        (DemoPrice(900, "Monthly", interval="month"), DemoPrice(9000, "Yearly", interval="year")),
    ),
    DemoProduct(
        "fair-price",
        "A Fair Price",
        "A short book about what to charge, and how to say it.",
        "Most of us ask for too little and then explain ourselves. In 144 pages you work out what your time costs, "
        "find the number a customer nods at, raise it once a year and write the page that says so plainly. With "
        "eleven real price lists and what their owners changed. PDF and EPUB, no copy protection.",
        (DemoPrice(1900),),
    ),
    DemoProduct(
        "launch-pages",
        "Launch Pages",
        "Twelve page templates that load fast and say what you sell.",
        "Home, pricing, waiting list, changelog and eight more, in plain HTML and CSS with no build step. They hold "
        "up on a phone, in dark mode and with a keyboard. Pick the licence that fits; all three contain the same "
        "files and a year of updates.",
        (
            DemoPrice(3900, "Personal: one site of your own"),
            DemoPrice(9900, "Studio: any number of client sites"),
            DemoPrice(19900, "Product: inside something you sell"),
        ),
        pictures=3,
    ),
    DemoProduct(
        "tsumiki",
        "Tsumiki",
        "A typeface built like toy blocks, steady at any size.",
        "Circles, squares and one slanted cut: Tsumiki (積み木, building blocks) is made of few parts that fit. Four "
        "weights and a variable font, Latin and kana, with figures that line up in a price list. Desktop and web "
        "licence for up to five people, as OTF and WOFF2.",
        (DemoPrice(4800, currency="jpy"),),
    ),
    DemoProduct(
        "sunday-letter",
        "The Sunday Letter",
        "One thing worth making, explained well, every Sunday.",
        "A letter of about ten minutes: how one small thing was designed, made and sold, told by the person who did "
        "it, with the numbers. No links to chase and no advertising. The first two letters are on us; if they are "
        "not for you, cancel before the fourteen days are over and you pay nothing.",
        (DemoPrice(500, interval="month", trial_days=14),),
    ),
    DemoProduct(
        "quiet-hours",
        "Quiet Hours",
        "Nine long recordings of places where little happens.",
        "A night train, a reading room, rain on a tin roof and six more, each an hour long and recorded in one go, so "
        "that nothing loops and nothing jumps out. Made for working late. FLAC and MP3; for a film or a game, the "
        "licence is included. Priced in euros: a bank account in Europe can be debited, too.",
        (DemoPrice(2400, currency="eur"),),
    ),
    DemoProduct(
        "seven-palettes",
        "Seven Palettes",
        "Twenty-eight colours that get along. Free to keep.",
        "Seven families of four, from a dark that carries text to a tint that carries a page, each pair checked for "
        "contrast. As CSS variables, a swatch file and a printable card. It costs nothing and asks for nothing but "
        "the address to send it to.",
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
    nickname = demo.nickname or None
    prices.new(product_id, demo.currency, demo.amount, recurring, id=price_id, nickname=nickname)
    return price_id
