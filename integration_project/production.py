"""The shop's production database, and what people buy in it."""

from __future__ import annotations

import os
from collections.abc import Iterator, Mapping
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import ConfigurationError

TABLES = Path(__file__).parent / "production" / "shop.sql"
KINDS = {"postgresql": 5432, "mariadb": 3306}  # with the ports that they listen on


@dataclass(frozen=True, slots=True, kw_only=True)
class Production:
    """The address of a production database."""

    kind: str
    host: str
    port: int
    user: str
    password: str = field(repr=False)
    dbname: str

    def environment(self) -> dict[str, str]:
        """Give the variables that meltano.yml and new_business.py read."""
        return {
            "PRODUCTION_KIND": self.kind,
            "PRODUCTION_HOST": self.host,
            "PRODUCTION_PORT": str(self.port),
            "PRODUCTION_USER": self.user,
            "PRODUCTION_PASSWORD": self.password,
            "PRODUCTION_NAME": self.dbname,
        }


def from_environment(environment: Mapping[str, str] = os.environ) -> Production:
    """Read the address as meltano.yml does; raises ConfigurationError for what is not there."""
    kind = environment.get("PRODUCTION_KIND", "postgresql")
    if kind not in KINDS:
        raise ConfigurationError(f"PRODUCTION_KIND is {kind}.", f"Set it to one of {', '.join(KINDS)}.")
    missing = [name for name in ("PRODUCTION_USER", "PRODUCTION_NAME") if not environment.get(name)]
    if missing:
        raise ConfigurationError(f"{missing[0]} is not set.", "Set it as .env.example shows.")
    return Production(
        kind=kind,
        host=environment.get("PRODUCTION_HOST", "127.0.0.1"),
        port=int(environment.get("PRODUCTION_PORT") or KINDS[kind]),
        user=environment["PRODUCTION_USER"],
        password=environment.get("PRODUCTION_PASSWORD", ""),
        dbname=environment["PRODUCTION_NAME"],
    )


@contextmanager
def transaction(production: Production) -> Iterator[Any]:
    """Yield a cursor (DB-API, `%s` for values) whose work is committed at the end of the block, or not at all."""
    with closing(_connect(production)) as opened, closing(opened.cursor()) as cursor:
        yield cursor
        opened.commit()


def fill(production: Production) -> None:
    """Create the tables with half a year of business; done again, it starts afresh."""
    with transaction(production) as cursor:
        cursor.execute("drop table if exists payments, orders, customers")
        for statement in TABLES.read_text(encoding="utf-8").split(";\n"):
            if statement.strip():
                cursor.execute(statement)


def move(production: Production, customer: int, country: str, at: datetime) -> str:
    """Let a customer move to another country."""
    with transaction(production) as cursor:
        cursor.execute("update customers set country_code = %s, updated_at = %s where id = %s", (country, at, customer))
        if cursor.rowcount != 1:
            raise ConfigurationError(f"There is no customer {customer}.", "Choose one of the table customers.")
    return f"Customer {customer} has moved to {country}."


def take_back(production: Production, payment: int) -> str:
    """Delete a payment, as a bank does that takes it back."""
    with transaction(production) as cursor:
        cursor.execute("delete from payments where id = %s", (payment,))
        if cursor.rowcount != 1:
            raise ConfigurationError(f"There is no payment {payment}.", "Choose one of the table payments.")
    return f"Payment {payment} is taken back."


def trade(production: Production, at: datetime) -> list[str]:
    """Let a day pass: a new customer orders and pays, an order arrives, another is sent, a payment is taken back."""
    with transaction(production) as cursor:
        customer, order, payment = (_last(cursor, table) + 1 for table in ("customers", "orders", "payments"))
        cursor.execute("delete from payments where id = %s", (payment - 1,))
        changed = [(_first_order(cursor, old), new) for old, new in (("shipped", "completed"), ("placed", "shipped"))]
        for number, status in changed:
            cursor.execute("update orders set status = %s, updated_at = %s where id = %s", (status, at, number))
        cursor.execute(
            "insert into customers (id, name, email, country_code, updated_at) values (%s, %s, %s, %s, %s)",
            (customer, f"Customer {customer}", f"customer{customer}@example.com", "FR", at),
        )
        cursor.execute(
            "insert into orders (id, customer_id, status, ordered_at, updated_at) values (%s, %s, 'placed', %s, %s)",
            (order, customer, at, at),
        )
        cursor.execute(
            "insert into payments (id, order_id, method, amount_cents) values (%s, %s, 'card', 4200)", (payment, order)
        )
    return [
        f"Payment {payment - 1} is taken back.",
        *(f"Order {number} is {status}." for number, status in changed if number),
        f"Customer {customer} is new, places order {order} and pays it.",
    ]


def _last(cursor: Any, table: str) -> int:
    statements = {
        "customers": "select max(id) from customers",
        "orders": "select max(id) from orders",
        "payments": "select max(id) from payments",
    }
    cursor.execute(statements[table])
    return int(cursor.fetchone()[0] or 0)


def _first_order(cursor: Any, status: str) -> int:
    """Give the first order of a status, 0 where there is none."""
    cursor.execute("select min(id) from orders where status = %s", (status,))
    return int(cursor.fetchone()[0] or 0)


def _connect(production: Production) -> Any:
    if production.kind == "mariadb":
        import pymysql

        return pymysql.connect(
            host=production.host,
            port=production.port,
            user=production.user,
            password=production.password,
            database=production.dbname,
        )
    import psycopg2

    return psycopg2.connect(
        host=production.host,
        port=production.port,
        user=production.user,
        password=production.password,
        dbname=production.dbname,
    )
