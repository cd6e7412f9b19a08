"""New business in the shop's production database, while you watch.

    python new_business.py open                 # (re)create the tables, with half a year of business
    python new_business.py trade                # a day: new rows, changed rows, a deleted row
    python new_business.py move 4 GB            # customer 4 moves to Great Britain, and nothing else
    python new_business.py take-back 40         # payment 40 is deleted

The database is that of PRODUCTION_KIND (postgresql or mariadb), _HOST, _PORT, _USER, _PASSWORD and _NAME.
"""

from __future__ import annotations

import argparse
import sys
from datetime import datetime, timezone

from production import fill, from_environment, move, take_back, trade

from dbt_state_plugin.errors import PluginError


def arguments() -> argparse.Namespace:
    """Read the command line."""
    parser = argparse.ArgumentParser(description="Write new business into the shop's production database.")
    parser.add_argument("--at", metavar="TIME", type=datetime.fromisoformat, help="when it happens, UTC (default: now)")
    commands = parser.add_subparsers(dest="command", required=True)
    commands.add_parser("open", help="create the tables afresh, with half a year of business")
    commands.add_parser("trade", help="let a day pass")
    moving = commands.add_parser("move", help="let one customer move")
    moving.add_argument("customer", type=int)
    moving.add_argument("country", choices=("DE", "FR", "GB", "US"))
    taking = commands.add_parser("take-back", help="delete a payment")
    taking.add_argument("payment", type=int)
    return parser.parse_args()


def main() -> int:
    """Do what the command line says, and tell it."""
    given = arguments()
    at = given.at or datetime.now(timezone.utc).replace(tzinfo=None, microsecond=0)
    try:
        production = from_environment()
        if given.command == "open":
            fill(production)
            print("The shop is open: 12 customers, 36 orders, 40 payments.")
        elif given.command == "trade":
            print("\n".join(trade(production, at)))
        elif given.command == "move":
            print(move(production, given.customer, given.country, at))
        else:
            print(take_back(production, given.payment))
    except PluginError as error:
        print(f"Error: {error.what}\n  {error.do}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
