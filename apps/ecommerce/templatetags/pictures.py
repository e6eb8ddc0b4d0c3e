from dataclasses import dataclass

from django import template
from django.utils.html import format_html
from django.utils.safestring import SafeString

from apps.ecommerce.models import Product
from apps.ecommerce.models.pictures import Picture

register = template.Library()


@dataclass(frozen=True, slots=True)
class Layout:
    sizes: str  # the width of the picture in the stylesheet
    visible: int = 1  # number of pictures that load at once; others load when scrolled into view
    is_urgent: bool = True  # load before scripts: the largest element of the page


LAYOUTS = {
    "card": Layout(  # layout.css, .product-grid: two, three, four in a row
        "(min-width: 68em) min(17.65rem, calc(25vw - 2rem)), (min-width: 48em) calc(33vw - 2rem), calc(50vw - 1.6rem)",
        visible=4,
    ),
    "page": Layout("(min-width: 56em) min(40rem, calc(56vw - 3.6rem)), calc(95vw - 0.8rem)"),  # product.css
    "hero": Layout("(min-width: 56em) min(37.5rem, calc(52vw - 3rem)), calc(95vw - 0.8rem)"),
    "owned": Layout("(min-width: 56em) min(29.25rem, calc(41vw - 2.6rem)), calc(95vw - 0.8rem)"),
    "order": Layout("6rem", is_urgent=False),
    "thumb": Layout("4.5rem", visible=0),  # gallery.css
}


@register.simple_tag
def picture(
    product: Product,
    layout: str,
    *,
    css: str = "",
    alt: str = "",
    image: Picture | None = None,
    nth: int | str = 1,
    below_fold: object = None,
) -> SafeString:
    """`{% picture product "card" nth=forloop.counter %}`: the product's first picture, or `image`.

    `nth` is the picture's number in a list; `below_fold` means that the list is not visible when the page opens.
    """
    slot, shown = LAYOUTS[layout], image or product.picture
    is_lazy = below_fold or int(nth or 1) > slot.visible
    return format_html(
        '<img{}{} src="{}" alt="{}" width="{}" height="{}"{}>',
        format_html(' class="{}"', css) if css else "",
        format_html(' srcset="{}" sizes="{}"', shown.srcset, slot.sizes) if shown.widths else "",
        shown.src,
        alt,
        shown.width,
        shown.height,
        SafeString(' loading="lazy"' if is_lazy else ' fetchpriority="high"' if slot.is_urgent else ""),
    )
