"""Planted bugs on DuckDB that its twins must find."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

from accuracy import dbt_steps

from twin import planted_bugs
from twin.duckdb_histories import History, edited
from twin.steps import BROKEN


@dataclass(frozen=True, slots=True, kw_only=True)
class DuckDBBug:
    """A bug: how it is planted, what happens before a run in which it is there already, and what that run overlooks."""

    plant: Callable[[], None]
    change: Callable[[History], object]
    before: Callable[[History], object] = lambda _: None


def run(bug: str, arguments: Sequence[str]) -> int:
    """Run dbt-state-plugin with a bug planted; this is the child's side."""
    DUCKDB_BUGS[bug].plant()
    code = dbt_steps.plugin([*arguments])
    return code if code < BROKEN else 1


def only_the_number_of_rows_counts() -> None:
    from dbt_state_plugin.warehouse.duckdb import content

    def counted(cursor: object, relation: str, *_: object) -> str:
        cursor.execute(f"SELECT count(*) FROM {relation}")  # type: ignore[attr-defined]
        return str(cursor.fetchall()[0][0])  # type: ignore[attr-defined]

    content.content_of = counted  # type: ignore[assignment]


def files_count_by_their_names() -> None:
    from dbt_state_plugin.warehouse.answers import SourceMetadata
    from dbt_state_plugin.warehouse.duckdb import warehouse

    warehouse.file_metadata = lambda place, settings=(): SourceMetadata(columns={}, touched=place)


def the_text_of_a_view_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.duckdb import catalog

    catalog.text_hash = lambda _: "view"


def the_log_beside_the_file_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.duckdb import file_version

    file_version._state_of = lambda _: None


def what_macros_read_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.duckdb import catalog

    catalog.Macro.queries = frozenset()  # type: ignore[misc, assignment]


def _left_in_the_log(history: History) -> None:
    for project in (history.ours, history.plain):
        with project.held("SET checkpoint_threshold = '1GB'", "INSERT INTO raw.orders VALUES (900, 1, 9)") as writer:
            writer.kill()
            writer.wait()


def _inserted(history: History) -> object:
    return history.both("INSERT INTO raw.orders VALUES (901, 1, 9)")


def _other_view(history: History) -> object:
    return history.both("CREATE OR REPLACE VIEW main.viewed AS SELECT * FROM main.staged WHERE amount < 0")


def _undeclared(history: History) -> object:
    return history.both("INSERT INTO raw.undeclared VALUES (7)")


def _edited(path: str, before: str, after: str) -> Callable[[History], object]:
    return lambda history: edited(history, path, before, after)


DUCKDB_BUGS = {
    "only the number of rows counts": DuckDBBug(
        plant=only_the_number_of_rows_counts,
        before=lambda h: h.both("UPDATE raw.customers SET name = 'before'"),
        change=lambda h: h.both("UPDATE raw.customers SET name = 'after'"),
    ),
    "files count by their names": DuckDBBug(
        plant=files_count_by_their_names,
        before=lambda h: h.write("rates.csv", "currency,rate\neur,30\n"),
        change=lambda h: h.write("rates.csv", "currency,rate\neur,4000\n"),
    ),
    "the text of a view is forgotten": DuckDBBug(
        plant=the_text_of_a_view_is_forgotten,
        before=_edited("models/viewed.sql", "amount > 0", "amount > 11"),
        change=_other_view,
    ),
    "the log beside the file is forgotten": DuckDBBug(
        plant=the_log_beside_the_file_is_forgotten, change=_left_in_the_log
    ),
    "what macros read is forgotten": DuckDBBug(
        plant=what_macros_read_is_forgotten,
        before=_edited("models/through.sql", "select *", "select n"),
        change=_undeclared,
    ),
    "undeclared relations are forgotten": DuckDBBug(
        plant=planted_bugs.undeclared_relations_are_forgotten,
        before=_edited("models/hidden.sql", "as n", "as m"),
        change=_undeclared,
    ),
    "the data of sources are no reason": DuckDBBug(plant=planted_bugs.data_of_sources_are_ignored, change=_inserted),
    "a relation that is gone is no reason": DuckDBBug(
        plant=planted_bugs.missing_relations_are_ignored, change=lambda h: h.both("DROP TABLE main.named")
    ),
    "what is written into a table after its build does not count": DuckDBBug(
        plant=planted_bugs.rows_changed_in_place_are_not_seen,
        change=lambda h: h.both("UPDATE main.totals SET customer = 99"),
    ),
    "what is planned does not reach its children": DuckDBBug(
        plant=planted_bugs.every_build_keeps_the_data, change=_edited("models/viewed.sql", "amount > 0", "amount > 15")
    ),
    "every difference is cosmetic": DuckDBBug(
        plant=planted_bugs.all_sql_is_equal, change=_edited("models/totals.sql", "as total", "as Total")
    ),
    "definitions of ephemeral models are not in the trace": DuckDBBug(
        plant=planted_bugs.ephemeral_models_are_not_traced,
        change=_edited("models/inside.sql", "customer, amount from", "customer, amount * 2 as amount from"),
    ),
    "values of variables are not in the fingerprint": DuckDBBug(
        plant=planted_bugs.variables_are_not_fingerprinted, change=_edited("dbt_project.yml", "rate: 2", "rate: 3")
    ),
}
