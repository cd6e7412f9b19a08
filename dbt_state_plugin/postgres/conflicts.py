"""Transactions that are retried after a conflict."""

from __future__ import annotations

import random
import time
from collections.abc import Callable
from functools import wraps
from typing import TYPE_CHECKING, Concatenate, ParamSpec, Protocol, TypeVar

from dbt_state_plugin.errors import StateError

if TYPE_CHECKING:
    from psycopg2.extensions import connection as Connection

Answer = TypeVar("Answer")
Arguments = ParamSpec("Arguments")
_PAUSES = (0.1, 0.2, 0.4, 0.8, 1.6)  # seconds before each further try, half to one and a half of it by chance


class HasConnection(Protocol):
    """An object with its own connection."""

    @property
    def connection(self) -> Connection:
        """The connection."""


Holder = TypeVar("Holder", bound=HasConnection)


def again_after_conflict(
    run: Callable[Concatenate[Holder, Arguments], Answer],
) -> Callable[Concatenate[Holder, Arguments], Answer]:
    """Retry a function that is one transaction after a deadlock or a serialization failure.

    The whole of it was rolled back then. Inside of a transaction of the caller it is not run again, since statements
    before it are lost as well. The arguments must be the same the second time: no iterators.
    """

    @wraps(run)
    def repeated(holder: Holder, /, *arguments: Arguments.args, **names: Arguments.kwargs) -> Answer:
        for pause in _PAUSES:
            try:
                return run(holder, *arguments, **names)
            except StateError as error:
                if not (_is_conflict(error.__cause__) and _is_idle(holder.connection)):
                    raise
            time.sleep(pause * random.uniform(0.5, 1.5))  # noqa: S311 - so that two do not meet again
        return run(holder, *arguments, **names)

    return repeated


def _is_conflict(error: BaseException | None) -> bool:
    import psycopg2

    return isinstance(error, (psycopg2.errors.DeadlockDetected, psycopg2.errors.SerializationFailure))


def _is_idle(connection: Connection) -> bool:
    from psycopg2.extensions import TRANSACTION_STATUS_IDLE

    return not connection.closed and connection.info.transaction_status == TRANSACTION_STATUS_IDLE
