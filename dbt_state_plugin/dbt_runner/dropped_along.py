"""Views that went down with what they read, forgotten by dbt.

dbt replaces a materialized view by SQL alone and keeps the views upon it in its cache of relations: it would rename one
that is gone.
"""

from __future__ import annotations

from typing import Any


def forget_what_went_down(node: Any) -> None:
    """Forget what hung on a materialized view that was built from scratch just now."""
    from dbt.adapters.factory import FACTORY

    for adapter in FACTORY.adapters.values():
        relation = adapter.Relation.create_from(adapter.config, node, type="materialized_view")
        adapter.cache_dropped(relation)  # with what is bound to it
        adapter.cache_added(relation)
