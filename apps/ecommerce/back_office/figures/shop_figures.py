"""The shop's figures of a period, for each currency. Definitions: docs/back-office.md."""

from .measures import Money, Subscriptions
from .periods import Bucket, Period
from .queries import fetch_checkouts, fetch_money, fetch_subscriptions


class Figures:
    """The figures of a period and of the previous one. Each kind takes one query, however long the period is."""

    def __init__(self, period: Period) -> None:
        self.period, self.buckets = period, period.buckets
        # Range 0 is the previous period, range n + 1 is bucket n of the period.
        ranges = [(period.previous.start, period.previous.end)]
        ranges += [(bucket.start, bucket.end) for bucket in self.buckets]
        self.money = fetch_money(ranges)
        self.subscriptions = fetch_subscriptions(ranges)
        self.checkouts, self.checkouts_before = fetch_checkouts(period)

    @property
    def currencies(self) -> list[str]:
        """Return the currencies with money in one of the two periods, the one with most orders first."""
        codes = {code for rows in self.money for code in rows}
        codes |= {code for row in self.subscriptions for code, amount in row.mrr.items() if amount}
        return sorted(codes, key=lambda code: (-self.total(code).orders, -self.before(code).orders, code))

    def total(self, currency: str) -> Money:
        total = Money()
        for row in (rows[currency] for rows in self.money[1:] if currency in rows):
            total.sales += row.sales
            total.refunds += row.refunds
            total.disputes += row.disputes
            total.orders += row.orders
        return total

    def before(self, currency: str) -> Money:
        return self.money[0].get(currency, Money())

    def money_series(self, currency: str) -> list[tuple[Bucket, Money]]:
        rows = (row.get(currency, Money()) for row in self.money[1:])
        return list(zip(self.buckets, rows, strict=True))

    @property
    def subscriptions_before(self) -> Subscriptions:
        return self.subscriptions[0]

    @property
    def subscriptions_total(self) -> Subscriptions:
        rows = self.subscriptions[1:]
        new, ended = sum(row.new for row in rows), sum(row.ended for row in rows)
        return Subscriptions(new, ended, rows[-1].running, rows[-1].mrr)

    def mrr_series(self, currency: str) -> list[tuple[Bucket, int]]:
        rows = (row.mrr.get(currency, 0) for row in self.subscriptions[1:])
        return list(zip(self.buckets, rows, strict=True))
