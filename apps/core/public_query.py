"""Normalize the query parameters of public pages, so that random URLs cannot fill the cache."""

import re
from collections.abc import Callable, Collection, Mapping

from django.http import QueryDict

# Advertisements and newsletters add these parameters to links. No view reads them.
MARKETING_PARAMETERS = re.compile(
    r"utm_\w+|gclid|gclsrc|gbraid|wbraid|dclid|gad_source|gad_campaignid|srsltid|_gl"
    r"|fbclid|igshid|msclkid|ttclid|twclid|li_fat_id|yclid|epik|mc_cid|mc_eid|_hsenc|_hsmi"
)

Normalize = Callable[[str], str | None]


def one_of(choices: Collection[str]) -> Normalize:
    return lambda value: value if value in choices else ""


def normalize_query(query: QueryDict, parameters: Mapping[str, Normalize]) -> dict[str, str] | None:
    """Return the parameters without defaults, in a fixed order; None if the page is not cached."""
    values: dict[str, str | None] = {}
    for name, given in query.lists():
        if name in parameters and len(given) == 1:
            values[name] = parameters[name](given[0])
        elif name in parameters or not MARKETING_PARAMETERS.fullmatch(name):
            return None
    if None in values.values():
        return None
    return {name: value for name in parameters if (value := values.get(name))}
