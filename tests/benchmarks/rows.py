"""Fill a shop of any size in seconds with rows that SQLite or PostgreSQL generates."""

from __future__ import annotations

from django.core.management import call_command
from django.core.management.color import no_style
from django.db import connection
from django.db.models import Max, Model
from django.utils import timezone

from apps.ecommerce.models import Price, Product, ProductConfiguration, Purchase, StatusChange
from apps.users.models import User

PUBLIC_ID = {"sqlite": "printf('%%032x', i)", "postgresql": "lpad(to_hex(i), 32, '0')::uuid"}
PURCHASES_PER_BUYER = 10


def fill_shop(products: int, purchases: int) -> None:
    """Create the tables and the static files, and fill the shop."""
    call_command("migrate", verbosity=0)
    call_command("collectstatic", interactive=False, verbosity=0)
    create_products(products)
    create_purchases(purchases)
    analyze()


def create_products(count: int) -> None:
    """Add products "Thing 0", "Thing 1" …, with one price each, in that order."""
    start, name = Product.objects.count(), "'Thing ' || i"
    insert_rows(Product, start, count, id="'prod_' || i", name=name, description="'All about thing ' || i")
    price = {"unit_amount": "100 * (1 + i %% 90)", "currency": "'usd'", "type": "'one_time'"}
    insert_rows(Price, start, count, id="'price_' || i", product="'prod_' || i", **price)
    listing = {
        "listed": "TRUE",
        "search_text": "'thing ' || i || ' all about thing ' || i",
        "sort_name": "'thing ' || i",
        "sort_currency": price["currency"],
        "sort_price": price["unit_amount"],
        "sells_once": "TRUE",
    }
    configuration = {"product": "'prod_' || i", "slug": "'thing-' || i", "position": "i + 1"}
    insert_rows(ProductConfiguration, start, count, **configuration, **listing)


def create_purchases(count: int) -> None:
    """Add paid purchases of these products, ten per buyer, each with its two status changes."""
    buyer, start, buyers = next_id(User), next_id(Purchase), -(-count // PURCHASES_PER_BUYER)
    insert_rows(User, buyer, buyers, id="i", email="'buyer' || i || '@example.com'")
    product_number = f"(i * 733 %% {Product.objects.count()})"
    insert_rows(
        Purchase,
        start,
        count,
        id="i",
        public_id=PUBLIC_ID[connection.vendor],
        order_number="'W-' || i",
        user=f"{buyer} + (i - {start}) %% {buyers}",
        email="'buyer@example.com'",
        product=f"'prod_' || {product_number}",
        price=f"'price_' || {product_number}",
        status="'paid'",
        livemode="FALSE",
        currency="'usd'",
        session_id="'cs_test_' || i",
        payment_intent_id="'pi_' || i",
    )
    for version, status in enumerate(("open", "paid")):
        insert_rows(StatusChange, start, count, purchase="i", to_status=f"'{status}'", version=str(version))


def analyze() -> None:
    """Update the statistics of the query planner."""
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def insert_rows(model: type[Model], start: int, count: int, **expressions: str) -> None:
    """Insert `count` rows numbered from `start`. Columns not named as SQL over the number `i` get their defaults."""
    template, columns, values, parameters = model(), [], [], []
    for field in model._meta.concrete_fields:
        if field.name in expressions:
            value = expressions[field.name]
        elif field.primary_key:
            continue
        else:
            value = "%s"
            given = field.pre_save(template, add=True)
            needed = given is not None or field.null
            parameters.append(field.get_db_prep_save(given if needed else timezone.now(), connection))
        columns.append(connection.ops.quote_name(field.column))
        values.append(value)
    numbers = f"SELECT {start} UNION ALL SELECT i + 1 FROM numbers WHERE i < {start + count - 1}"
    with connection.cursor() as cursor:
        cursor.execute(
            f"WITH RECURSIVE numbers(i) AS ({numbers}) INSERT INTO {model._meta.db_table} ({', '.join(columns)}) "
            f"SELECT {', '.join(values)} FROM numbers",
            parameters,
        )
        for sql in connection.ops.sequence_reset_sql(no_style(), [model]):
            cursor.execute(sql)


def next_id(model: type[Model]) -> int:
    return (model._default_manager.aggregate(last=Max("pk"))["last"] or 0) + 1
