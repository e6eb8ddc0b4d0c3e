"""Correct a search that finds nothing: one typo in each word, with the vocabulary of the catalogue (SearchWord)."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import islice, product
from string import ascii_lowercase, digits

from django.db.models import Count, Q

from apps.ecommerce.catalogue.search_columns import normalize_text
from apps.ecommerce.models import SearchWord
from apps.ecommerce.storefront.store_filter import StoreFilter

MIN_LENGTH, MAX_LENGTH = 4, 20  # length of words that are corrected
MAX_CANDIDATES = 3  # known words for each typed word
MAX_TRIES = 4
BLOCK = 128  # characters of a script that follow one another in Unicode


def corrected(store_filter: StoreFilter) -> StoreFilter | None:
    """Return the filter with corrected words that finds the most products; None without a correction."""
    candidates = {word: _candidates(word) for word in _unknown_words(store_filter)}
    if not candidates or not all(candidates.values()):
        return None
    tries = islice(product(*candidates.values()), MAX_TRIES)
    filters = [_replaced(store_filter, dict(zip(candidates, choice, strict=True))) for choice in tries]
    counts = [row.matching().count() for row in filters]
    best = max(range(len(filters)), key=counts.__getitem__)  # the first one if several find as many
    return filters[best] if counts[best] else None


def edits(word: str) -> set[str]:
    """Return all words that differ by one letter: one more, one less, another one, or two swapped."""
    splits = [(word[:place], word[place:]) for place in range(len(word) + 1)]
    letters = {*ascii_lowercase, *digits, *_letters_of_scripts(word)}
    found = {start + end[1:] for start, end in splits if end}
    found |= {start + end[1] + end[0] + end[2:] for start, end in splits if len(end) > 1}
    found |= {start + letter + end[1:] for start, end in splits if end for letter in letters}
    found |= {start + letter + end for start, end in splits for letter in letters}
    return found - {word}


def _unknown_words(store_filter: StoreFilter) -> list[str]:
    """Return the words that are not in the catalogue. Short ones are not corrected."""
    words = [word for word in dict.fromkeys(store_filter.words) if MIN_LENGTH <= len(word) <= MAX_LENGTH]
    known = {f"known_{n}": Count("pk", filter=Q(word__contains=word)) for n, word in enumerate(words)}
    counts = SearchWord.objects.aggregate(**known) if known else {}
    return [word for n, word in enumerate(words) if not counts[f"known_{n}"]]


def _candidates(word: str) -> list[SearchWord]:
    rows = SearchWord.objects.filter(word__in=edits(word))
    return sorted(rows, key=lambda row: (row.word[0] != word[0], -len(row.word), row.word))[:MAX_CANDIDATES]


def _replaced(store_filter: StoreFilter, choice: dict[str, SearchWord]) -> StoreFilter:
    """Return the filter with these words instead of the typed ones. The rest stays as it was typed."""

    def spell(typed: str) -> str:
        words = normalize_text(typed).split()
        if not any(word in choice for word in words):
            return typed
        return " ".join(choice[word].shown if word in choice else word for word in words)

    return replace(store_filter, q=" ".join(map(spell, store_filter.q.split())))


def _letters_of_scripts(word: str) -> Iterator[str]:
    for start in {ord(letter) // BLOCK * BLOCK for letter in word if not letter.isascii()}:
        yield from filter(str.isalpha, map(chr, range(start, start + BLOCK)))
