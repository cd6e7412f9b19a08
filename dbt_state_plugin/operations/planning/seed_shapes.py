"""Seeds whose table would get other columns or types today."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.changes.seed_shape import SeedColumn, fits_its_table
from dbt_state_plugin.core.lineage import record_key
from dbt_state_plugin.core.values.project import Node
from dbt_state_plugin.core.values.records import Recorded, RecordedRelation

if TYPE_CHECKING:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter
    from dbt_state_plugin.core.values.relations import Catalog
    from dbt_state_plugin.operations.planning.categorize import CategorizedChanges


def with_seed_shapes(
    categorized: CategorizedChanges,
    recorded: Recorded,
    *,
    catalog: Catalog,
    fingerprinter: Fingerprinter,
    columns_of: Callable[[str], Iterable[SeedColumn]],
) -> tuple[CategorizedChanges, Recorded]:
    """Return the categories and the records with what the tables of seeds say: for a seed its columns are the logic.

    Only files of seeds that differ, or whose table was known not to fit, are read. `columns_of` gives what dbt would
    create.
    """
    categories, relations = dict(categorized.categories), dict(recorded.relations)
    for node, record in _compared(fingerprinter, categorized, recorded):
        category = categories.get(node.unique_id)
        items = fingerprinter.items(node.unique_id)
        # A macro of the project that creates the table may give it other columns.
        wanted = () if items.get("materialization") or node.relation is None else columns_of(node.unique_id)
        columns = catalog.columns.get(node.relation) if node.relation is not None else None
        reasons = category.reasons if category is not None else ()
        fits = fits_its_table(wanted, columns, reasons, fingerprinter.dialect, has_hooks="hooks" in items)
        if category is not None:
            categories[node.unique_id] = replace(category, is_logic=fits is False)
        if fits:
            relations[record.relation] = replace(record, trace=replace(record.trace, older_logic=""))
    return replace(categorized, categories=categories), replace(recorded, relations=relations)


def _compared(
    fingerprinter: Fingerprinter, categorized: CategorizedChanges, recorded: Recorded
) -> Iterable[tuple[Node, RecordedRelation]]:
    project = fingerprinter.project
    for node in project.nodes.values():
        record = recorded.relations.get(record_key(node, project)) if node.resource_type == "seed" else None
        category = categorized.categories.get(node.unique_id)
        if record is not None and (record.trace.older_logic or (category is not None and category.reasons)):
            yield node, record
