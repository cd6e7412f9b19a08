"""Shapes and write counters as builds have left them."""

from __future__ import annotations

from collections.abc import Iterable
from typing import TYPE_CHECKING

from dbt_state_plugin.operations.shapes import shapes_of_run
from dbt_state_plugin.operations.write_counters import counters_of_build
from dbt_state_plugin.state.build_updates import record_counters, record_shapes

if TYPE_CHECKING:
    from dbt_state_plugin.core.values.project import Node
    from dbt_state_plugin.operations.session import Session


def record_left(session: Session, *, shaped: Iterable[Node], counted: Iterable[Node]) -> None:
    """Record shapes and counters, which are read together, before the state may make us wait; raises StateError."""
    with session.warehouse.kept_open():
        shapes = shapes_of_run(session, shaped)
        counters = counters_of_build(session, counted)
    if shapes:
        record_shapes(session.state, shapes)
    if counters:
        record_counters(session.state, counters)
