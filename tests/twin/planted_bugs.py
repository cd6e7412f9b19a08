"""Planted bugs in our decisions that histories must find.

Each is planted in the process of one run of ours, by replacing a function or a part of a statement. Where that is not
there any more after a change of the code, the run ends with an error: a bug is never silently not planted.
"""

from __future__ import annotations

import dataclasses
import importlib
import pkgutil
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from dbt_state_plugin import warehouse


@dataclass(frozen=True, slots=True, kw_only=True)
class PlantedBug:
    """A bug of the tool: what it does wrong, how it is planted, and which trace has to find it."""

    what: str
    found_by: str
    plant: Callable[[], None]


PLANTED_BUGS: dict[str, PlantedBug] = {}


def bug(what: str, *, found_by: str) -> Callable[[Callable[[], None]], Callable[[], None]]:
    """Register a bug under the name of the function that plants it."""

    def register(plant: Callable[[], None]) -> Callable[[], None]:
        PLANTED_BUGS[plant.__name__] = PlantedBug(what=what, found_by=found_by, plant=plant)
        return plant

    return register


def _around(owner: Any, name: str, replacement: Callable[..., Any]) -> None:
    """Let `replacement(original, *arguments)` stand where the function stood."""
    original = getattr(owner, name)
    assert callable(original)

    def called(*arguments: Any, **named: Any) -> Any:
        return replacement(original, *arguments, **named)

    setattr(owner, name, called)


def _without_reasons(kind: str) -> None:
    from dbt_state_plugin.core.decision import propagation
    from dbt_state_plugin.core.values.reasons import ReasonKind

    dropped = ReasonKind[kind]

    def kept(original: Any, *given: Any) -> Any:
        return tuple(reason for reason in original(*given) if reason.kind is not dropped)

    _around(propagation, "own_reasons", kept)


@bug("a parent that was built since is no reason", found_by="a_narrowed_run_leaves_the_rest_for_later")
def parents_built_earlier_are_forgotten() -> None:
    _without_reasons("UPSTREAM")


@bug("the data of sources are no reason", found_by="rows_of_a_source_are_inserted_updated_deleted_and_truncated")
def data_of_sources_are_ignored() -> None:
    _without_reasons("DATA")


@bug("open intents are ignored", found_by="an_incremental_model_is_killed_after_its_commit_and_reverted")
def intents_are_ignored() -> None:
    from dbt_state_plugin.operations.planning import inputs

    _around(inputs, "read_recorded", lambda read, *given: dataclasses.replace(read(*given), intents={}))
    rows_changed_in_place_are_not_seen()  # the counters are a second net below the intents


@bug("a relation that is gone is no reason", found_by="relations_are_dropped_by_hand")
def missing_relations_are_ignored() -> None:
    _without_reasons("MISSING")


@bug("what is written into a table after its build does not count", found_by="a_snapshot_is_taken_by_plain_dbt")
def rows_changed_in_place_are_not_seen() -> None:
    from dbt_state_plugin.core.versions import drift

    drift.has_other_rows = lambda _record, _touched: False


@bug("a relation is known by its oid alone", found_by="relations_are_emptied_and_replaced_by_hand")
def relfilenode_is_forgotten() -> None:
    from dbt_state_plugin.core.values.relations import Identity

    def same(self: Any, other: Any) -> Any:
        return self.is_same_object_as(other) if isinstance(other, Identity) else NotImplemented

    Identity.__eq__ = same  # type: ignore[method-assign]


@bug("what is planned does not reach its children", found_by="an_edit_reaches_what_is_below_it")
def every_build_keeps_the_data() -> None:
    from dbt_state_plugin.core.decision.propagation import Propagation

    _around(Propagation, "_leaves_data", lambda *_: True)


@bug(
    "views that PostgreSQL drops along are ignored",
    found_by="a_table_is_rebuilt_with_equal_rows_and_takes_its_view_down",
)
def cascades_are_ignored() -> None:
    from dbt_state_plugin.core.decision.dropped_views import DroppedViews

    _around(DroppedViews, "cascades", lambda *_: {})


@bug("views are not looked through", found_by="rows_change_below_a_view_on_a_view")
def views_hide_what_they_read() -> None:
    from dbt_state_plugin.core.decision import rule as decision
    from dbt_state_plugin.operations.running import build_recorder as recorder

    def direct(found: Any, project: Any, order: Any) -> Any:
        lineage = found(project, order)
        return {
            node: dataclasses.replace(each, parents=tuple(p for p in each.parents if _is_direct(project, node, p)))
            for node, each in lineage.items()
        }

    _around(decision, "lineages", direct)
    _around(recorder, "lineages", direct)


def _is_direct(project: Any, node: str, parent: str) -> bool:
    above = project.nodes[node].parents
    return parent in above or not any(project.nodes[p].materialized == "view" for p in above if p in project.nodes)


def _without_part(name: str) -> None:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    def hashed(original: Any, self: Any, parts: Any) -> Any:
        return {part: value for part, value in original(self, parts).items() if part != name}

    _around(Fingerprinter, "_hashed", hashed)


@bug("values of variables are not in the fingerprint", found_by="a_macro_in_a_macro_a_var_and_an_env_var_change")
def variables_are_not_fingerprinted() -> None:
    _without_part("variables")


@bug("macros are not in the fingerprint", found_by="a_macro_in_a_macro_a_var_and_an_env_var_change")
def macros_are_not_fingerprinted() -> None:
    _without_part("macros")


@bug(
    "an earlier fingerprint stands though a macro or a value changed",
    found_by="a_macro_in_a_macro_a_var_and_an_env_var_change",
)
def earlier_fingerprints_stand() -> None:
    from dbt_state_plugin.core.fingerprint.inputs import KnownFingerprints

    _around(KnownFingerprints, "_are_shared", lambda *_: True)


@bug("the second stage finds every difference cosmetic", found_by="an_edit_reaches_what_is_below_it")
def all_sql_is_equal() -> None:
    from dbt_state_plugin.core.changes import categorize as comparison

    _around(comparison._Same, "__call__", lambda *_: True)


@bug("definitions of ephemeral models are not in the trace", found_by="an_ephemeral_model_is_edited")
def ephemeral_models_are_not_traced() -> None:
    from dbt_state_plugin.core.changes import differences
    from dbt_state_plugin.core.decision import own_reasons

    def blind(original: Any, known: Any, *given: Any) -> Any:
        lineage = {name: dataclasses.replace(each, inlined=()) for name, each in known.lineage.items()}
        return original(dataclasses.replace(known, lineage=lineage), *given)

    _around(differences, "_differing_inlined", lambda *_: ())
    _around(own_reasons, "_upstream_builds", blind)


@bug(
    "a build that failed is recorded as good",
    found_by="a_build_that_failed_succeeds_later_though_nothing_of_it_changed",
)
def failures_are_recorded_as_built() -> None:
    from dbt_state_plugin.operations.running.build_recorder import BuildRecorder

    def good(original: Any, self: Any, outcome: Any) -> Any:
        status = "success" if outcome.status == "error" else outcome.status
        return original(self, dataclasses.replace(outcome, status=status))

    _around(BuildRecorder, "on_finished", good)


@bug("versions are read after the build", found_by="rows_arrive_while_a_model_is_built")
def versions_are_read_after_the_build() -> None:
    from dbt_state_plugin.core.decision.seen_versions import relation_versions
    from dbt_state_plugin.operations.planning import inputs, planning
    from dbt_state_plugin.operations.running import build_recorder as recorder

    see = inputs.see
    asked: list[Any] = []

    def remembered(original: Any, *given: Any, **named: Any) -> Any:
        again = [{} if isinstance(value, dict) else value for value in given]  # what was read is read again
        asked[:] = [(again, named)]
        return original(*given, **named)

    _around(planning, "see", remembered)

    def late(original: Any, self: Any, entry: Any, *given: Any) -> Any:
        again, named = asked[0]
        before, until = self._data.before, time.monotonic() + 12
        while self._data.before == before and time.monotonic() < until:  # an idle session counts its rows within 10 s
            seen = see(*again, **named)
            self._data.before = relation_versions(self._project, seen.recorded, seen.catalog)
            time.sleep(0.1)
        return original(self, entry, *given)

    _around(recorder.BuildRecorder, "_record", late)


def _in_sql(old: str, new: str) -> None:
    """Replace what a pattern finds in the statements that read the warehouse; it must be there."""
    found = 0
    for each in pkgutil.walk_packages(warehouse.__path__, f"{warehouse.__name__}."):
        module = importlib.import_module(each.name)
        for name, text in vars(module).items():
            if isinstance(text, str) and name.isupper():
                changed, times = re.subn(old, new, text)
                setattr(module, name, changed)
                found += times
    assert found, f"no statement has {old!r} any more"


@bug("the tuple counters are forgotten", found_by="rows_of_a_source_are_inserted_updated_deleted_and_truncated")
def counters_are_forgotten() -> None:
    for counter in ("inserted", "updated", "deleted"):
        _in_sql(rf"pg_catalog\.pg_stat_get_tuples_{counter}\(c\.oid\)", "0")


@bug(
    "the time when counters were reset is forgotten",
    found_by="as_many_rows_are_counted_again_after_the_counters_were_reset",
)
def reset_time_is_forgotten() -> None:
    for text in ("stats_reset", r"pg_catalog\.date_part\('epoch', stats_reset\)"):
        _in_sql(rf"SELECT {text} FROM pg_catalog\.pg_stat_database", "SELECT 0 FROM pg_catalog.pg_stat_database")
    rows_changed_in_place_are_not_seen()  # the counters of what was built, which were reset too, would tell


@bug("oid and relfilenode of a source are forgotten", found_by="a_source_is_replaced_by_one_with_equal_columns")
def identity_of_a_source_is_forgotten() -> None:
    from dbt_state_plugin.operations.planning import planning

    _in_sql(r"c\.oid, c\.relfilenode,(?=\s+pg_catalog\.pg_stat)", "")

    def without_sources(original: Any, *given: Any, **named: Any) -> Any:
        seen = original(*given, **named)
        identities = {name: each for name, each in seen.catalog.identities.items() if name.schema != "raw"}
        return dataclasses.replace(seen, catalog=dataclasses.replace(seen.catalog, identities=identities))

    _around(planning, "see", without_sources)


@bug("the columns of a source are forgotten", found_by="a_source_gets_a_column_and_another_type")
def columns_of_a_source_are_forgotten() -> None:
    _in_sql(r"(a\.)?attrelid = w\.oid", "false")


@bug("a materialized view keeps its old query", found_by="a_materialized_view_gets_another_query")
def materialized_views_are_only_refreshed() -> None:
    from dbt_state_plugin.operations.running import building as tracked

    _around(tracked, "_redefined_materialized_views", lambda *_: ())


@bug("a narrowed run counts as done what it left out", found_by="a_narrowed_run_leaves_the_rest_for_later")
def narrowed_runs_count_as_whole() -> None:
    """Let the children that were left out have seen what was built in the run, as `last successful execution` does."""
    from dbt_state_plugin.operations.running import building as tracked

    def finish(original: Any, state: Any, execution_id: Any, **named: Any) -> Any:
        if named.get("status") == "succeeded":
            state.execute(_TRACES_OF_NOW, (str(execution_id),))
        return original(state, execution_id, **named)

    _around(tracked, "finish_execution", finish)


_TRACES_OF_NOW = """
    UPDATE {state}.relation child SET trace = pg_catalog.jsonb_set(child.trace, ARRAY['parents', p.name], p.data)
    FROM (SELECT format('"%%s"."%%s"."%%s"', database_name, schema_name, identifier) AS name,
              pg_catalog.to_jsonb(data_id::text) AS data, execution_id FROM {state}.relation) p
    WHERE p.execution_id = %s AND child.trace -> 'parents' ? p.name
"""


@bug("what a build has read is not recorded", found_by="a_macro_in_a_macro_a_var_and_an_env_var_change")
def reads_are_dropped_from_the_trace() -> None:
    from dbt_state_plugin.core.fingerprint.fingerprint import Fingerprinter

    _around(Fingerprinter, "read_values", lambda *_: {})


@bug("answers to questions are forgotten", found_by="a_question_while_compiling_gets_another_answer")
def answers_are_forgotten() -> None:
    from dbt_state_plugin.operations.planning import inputs

    _around(inputs, "with_other_reads", lambda _, _session, _project, recorded, *_more: recorded)


@bug(
    "an empty plan stands without its questions",
    found_by="a_question_gets_another_answer_after_a_run_without_changes",
)
def an_empty_plan_asks_nothing() -> None:
    from dbt_state_plugin.operations.up_to_date import check

    _around(check, "are_answered_alike", lambda *_: True)


@bug("relations that SQL names are forgotten", found_by="a_table_that_only_sql_names_gets_rows")
def undeclared_relations_are_forgotten() -> None:
    from dbt_state_plugin.operations.planning import names_in_sql

    _around(names_in_sql, "undeclared", lambda *_: ())


@bug(
    "functions that read a catalog depend on their arguments alone",
    found_by="functions_of_the_server_tell_what_a_catalog_says",
)
def functions_that_read_a_catalog_are_calm() -> None:
    from dbt_state_plugin.warehouse.postgres import volatile_calls

    assert volatile_calls._READS_MORE.fullmatch("obj_description")
    volatile_calls._READS_MORE = re.compile("age|mxid_age")


@bug(
    "an aggregate is told without the functions that it is made of",
    found_by="a_function_that_an_aggregate_is_made_of_changes",
)
def parts_of_aggregates_are_forgotten() -> None:
    _in_sql(r"s\.oid >= 16384 AND s\.oid IN", "false AND s.oid IN")


@bug("the session is forgotten", found_by="the_time_zone_of_the_database_changes")
def the_session_is_forgotten() -> None:
    from dbt_state_plugin.core.decision import own_reasons

    _around(own_reasons, "_session", lambda *_: [])


@bug("what hooks write has no author", found_by="a_hook_inserts_into_another_model")
def the_author_of_hooks_is_forgotten() -> None:
    from dbt_state_plugin.operations.running.hook_writes import HookWrites

    _around(HookWrites, "of", lambda *_: [])


@bug(
    "what a hook at the start writes is read by declared readers only",
    found_by="a_new_hook_at_the_start_writes_what_only_sql_names",
)
def hooks_write_for_declared_readers_only() -> None:
    from dbt_state_plugin.operations.planning import categorize

    _around(categorize, "with_undeclared", lambda _, project, _recorded: project)


@bug("the shape of relations is forgotten", found_by="an_index_is_dropped_by_hand")
def shapes_are_forgotten() -> None:
    from dbt_state_plugin.core.decision import own_reasons

    _around(own_reasons, "_drift_of_shape", lambda *_: [])


@bug("results are recorded with another manifest", found_by="dbt_writes_another_manifest_before_the_record")
def results_of_another_manifest_are_recorded() -> None:
    from dbt_state_plugin.dbt_runner import as_built

    def as_in(document: Any, ran: Any) -> Any:
        return dataclasses.replace(ran, invocation_id=document["metadata"]["invocation_id"])

    _around(as_built, "read_manifest_of", lambda read, folder, ran: read(folder, as_in(_manifest_in(folder), ran)))
    _around(
        as_built,
        "as_built",
        lambda read, document, *given: read(document, *given[:-1], as_in(document.content, given[-1])),
    )


def _manifest_in(folder: Any) -> Any:
    from dbt_state_plugin.dbt_runner.results_file import read_json

    return read_json(folder / "manifest.json")


@bug("the files of now pass for those that dbt read", found_by="files_are_edited_between_dbt_and_the_record")
def edited_files_are_recorded() -> None:
    from dbt_state_plugin.dbt_runner import as_built

    _around(as_built, "_edited", lambda *_: frozenset())


@bug("what parents hold when it is recorded counts as seen", found_by="rows_arrive_between_dbt_and_the_record")
def versions_are_read_at_the_recording() -> None:
    from dbt_state_plugin.operations.recording.record import _Recorder

    def late(write: Any, self: Any, planned: Any, built: Any, before: Any, *given: Any) -> Any:
        now = {str(name): version for name, version in planned.plan.parent_versions.items()}
        return write(self, planned, built, dataclasses.replace(before, versions=now), *given)

    _around(_Recorder, "_write", late)


@bug("values of now pass for those of dbt", found_by="dbt_runs_with_other_values_than_the_record")
def values_are_not_compared() -> None:
    from dbt_state_plugin.operations.recording import record

    _around(record, "doubts", lambda ask, *given: dataclasses.replace(ask(*given), nodes={}))


@bug("what was there before passes for what was built", found_by="a_table_comes_out_equal_and_then_different")
def rows_are_compared_before_the_build_only() -> None:
    from dbt_state_plugin.operations.running.compared_rows import ComparedRows

    def before(_after: Any, self: Any, entry: Any) -> Any:
        found = self.before.get(entry.node.unique_id)
        if found is not None:
            self.after[entry.node.unique_id] = found
        return found

    _around(ComparedRows, "rows_after", before)


def _rows_hashed_by(text: str) -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    assert "(ROW({columns})::text)" in rows_left._TEXT
    rows_left._TEXT = rows_left._TEXT.replace("(ROW({columns})::text)", text)


@bug("null is hashed like empty", found_by="null_becomes_empty_and_two_columns_are_swapped")
def null_passes_for_empty() -> None:
    _rows_hashed_by("pg_catalog.concat({columns})")


@bug("columns are hashed one by one", found_by="null_becomes_empty_and_two_columns_are_swapped")
def swapped_columns_pass_for_equal() -> None:
    _rows_hashed_by(
        "(SELECT pg_catalog.string_agg(value, ',' ORDER BY value) "
        "FROM pg_catalog.jsonb_each_text(pg_catalog.to_jsonb(ROW({columns}))))"
    )


@bug("the columns of what was built are not compared", found_by="only_the_columns_of_a_table_come_out_different")
def columns_are_not_compared() -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    rows_left.value_hash = lambda _columns: ""


@bug("the order of rows is nobody's concern", found_by="the_rows_of_a_table_come_out_in_another_order")
def order_of_rows_is_forgotten() -> None:
    from dbt_state_plugin.operations.running.cutoff import Cutoff

    Cutoff._reads_order = lambda *_: False  # type: ignore[method-assign]


@bug(
    "what a failed build has left passes for what was recorded",
    found_by="a_table_is_left_as_a_failed_build_has_left_it",
)
def a_failed_parent_passes_for_equal() -> None:
    from dbt_state_plugin.operations.running.compared_rows import ComparedRows

    def as_it_is(_found: Any, _self: Any, warehouse: Any, entry: Any) -> Any:
        return warehouse.rows_left(entry.node.relation)

    _around(ComparedRows, "_rows_before", as_it_is)


@bug(
    "what changed behind a view that is built is forgotten",
    found_by="rows_arrive_behind_a_view_of_a_table_that_comes_out_equal",
)
def changes_behind_views_are_forgotten() -> None:
    from dbt_state_plugin.core.decision import rule

    _around(
        rule, "hanging", lambda found, known, order, needed, _own, building: found(known, order, needed, {}, building)
    )


@bug("rows of a view have an order", found_by="a_view_is_edited_and_shows_what_it_showed_or_not")
def rows_of_a_view_pass_for_ordered() -> None:
    from dbt_state_plugin.operations.running import cutoff

    _around(cutoff, "CameOut", lambda out, **values: out(**{**values, "has_order": True}))


@bug(
    "views are executed in our own session",
    found_by="a_view_shows_what_it_showed_but_for_the_settings_of_its_session",
)
def settings_of_a_view_are_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    def exactly(_enter: Any, cursor: Any, **_: Any) -> None:
        cursor.execute(rows_left.EXACT)

    _around(rows_left, "enter_session_of_dbt", exactly)


@bug("nodes with hooks are cut off", found_by="a_hook_below_does_something_to_a_table_that_comes_out_equal")
def hooks_of_what_is_cut_off_are_forgotten() -> None:
    from dbt_state_plugin.core.decision import cutoff

    cutoff.reads_rows_alone = lambda *_: True


@bug(
    "a view or table that went down is taken for still there",
    found_by="a_view_goes_down_with_a_table_that_might_have_been_left",
)
def what_went_down_is_cut_off() -> None:
    from dbt_state_plugin.operations.running import cutoff

    cutoff.is_as_recorded = lambda *_: True


@bug(
    "one of the columns that a query reads is forgotten",
    found_by="columns_come_out_different_that_one_or_the_other_reads",
)
def a_read_column_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import named_relations

    def fewer(found: Any, *given: Any, **named: Any) -> Any:
        read = found(*given, **named)
        return read and {name: columns[:-1] or columns for name, columns in read.items()}

    _around(named_relations, "columns_read", fewer)


@bug(
    "a row that is read as a whole counts for the columns beside it",
    found_by="columns_come_out_different_that_one_or_the_other_reads",
)
def whole_rows_are_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import named_relations

    named_relations._READS_WHOLE_ROWS = "SELECT 1 WHERE false"


@bug(
    "by which columns a subquery sorts and groups does not count",
    found_by="a_column_comes_out_different_that_a_star_names",
)
def what_is_sorted_by_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import live_columns

    live_columns._is_passed_on = lambda entry, query: live_columns._is_plain(entry.one("expr"), query)


@bug(
    "what is worked out and used by nobody does not count, though it may fail",
    found_by="a_column_comes_out_different_that_a_star_names",
)
def what_may_fail_is_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import live_columns

    live_columns._is_plain = lambda *_: True


@bug(
    "a position that means another column does not count",
    found_by="a_column_comes_out_different_that_a_star_names",
)
def positions_are_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import live_columns

    live_columns.value_hash = lambda *_: ""


@bug(
    "a star is not looked at again",
    found_by="columns_come_out_different_that_one_or_the_other_reads",
)
def stars_are_not_read_again() -> None:
    from dbt_state_plugin.operations.running.cutoff import Cutoff

    Cutoff._reads_the_same = lambda *_: True  # type: ignore[method-assign]


@bug(
    "a text that was found to be the same query is that of the columns that there are now",
    found_by="a_star_takes_the_place_of_columns_while_one_is_added",
)
def another_text_is_not_read_again() -> None:
    from dbt_state_plugin.core.decision import cutoff as decision
    from dbt_state_plugin.operations.running import cutoff

    _around(decision, "is_reworded", lambda *_: False)
    _around(cutoff, "is_reworded", lambda *_: False)


@bug(
    "what a node does to its session does not count",
    found_by="literals_are_spelled_out_that_mean_another_thing_in_the_session_of_the_node",
)
def sessions_of_nodes_are_forgotten() -> None:
    from dbt_state_plugin.core.changes import categorize

    _around(categorize, "_acts_on_its_session", lambda *_: False)


@bug("an order that is handed on is nobody's concern", found_by="rows_come_out_in_another_order_that_is_handed_on")
def order_that_is_handed_on_is_forgotten() -> None:
    from dbt_state_plugin.operations.running.cutoff import Cutoff

    Cutoff._all_below = lambda *_: set()  # type: ignore[method-assign]


@bug("what hooks above write is not seen below", found_by="a_hook_above_writes_into_a_source_that_is_read_below")
def writes_of_hooks_above_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.hook_writes import HookWrites

    HookWrites.may_have_written = lambda *_: False  # type: ignore[method-assign]


@bug("what hooks above write into a node is forgotten", found_by="a_hook_above_writes_into_what_reads_it")
def writes_of_hooks_into_a_node_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.hook_writes import HookWrites

    _around(HookWrites, "may_have_written", lambda found, self, nodes: found(self, list(nodes)[1:]))


@bug("a source that a model writes is a source like any other", found_by="what_a_run_builds_is_read_below_as_a_source")
def models_that_are_read_as_sources_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.cutoff import Cutoff

    Cutoff._reads_as_source = lambda *_: False  # type: ignore[method-assign]


@bug(
    "a source that is a view of a model is a source like any other",
    found_by="what_a_run_builds_is_read_below_through_a_view_that_is_a_source",
)
def views_that_are_sources_are_not_looked_through() -> None:
    from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

    PostgresWarehouse.readers_of = lambda *_: frozenset()  # type: ignore[method-assign]


@bug(
    "what a model asks the database writes nothing",
    found_by="a_model_above_writes_into_a_source_that_is_read_below_otherwise_than_by_a_hook",
)
def questions_that_write_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.build_recorder import BuildRecorder

    def see(seen: Any, self: Any, node: Any, outcome: Any) -> None:
        seen(self, node, dataclasses.replace(outcome, reads=dataclasses.replace(outcome.reads, asked_sql=())))

    _around(BuildRecorder, "_see_hooks", see)


@bug(
    "a header writes nothing",
    found_by="a_model_above_writes_into_a_source_that_is_read_below_otherwise_than_by_a_hook",
)
def headers_that_write_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.recorded_definition import DefinitionRecorder

    DefinitionRecorder.has_header = lambda *_: False  # type: ignore[method-assign]


@bug(
    "a materialization of the project writes its relation alone",
    found_by="a_materialization_of_the_project_writes_into_a_source_that_is_read_below",
)
def materializations_that_write_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.build_recorder import BuildRecorder

    def see(seen: Any, self: Any, node: Any, outcome: Any) -> None:
        seen(self, dataclasses.replace(node, custom_ddl=False), outcome)

    _around(BuildRecorder, "_see_hooks", see)


@bug(
    "a hook that writes no rows leaves what is below as it is",
    found_by="a_hook_above_touches_what_reads_it_without_writing_rows",
)
def hooks_that_write_no_rows_are_forgotten() -> None:
    from dbt_state_plugin.operations.running import hook_writes

    _around(hook_writes, "_words", lambda _words, _statement: set())


@bug(
    "a view of what a test finds stays when its table is built",
    found_by="a_view_of_what_a_test_finds_goes_down_with_a_table_that_comes_out_equal",
)
def views_of_tests_are_forgotten() -> None:
    from dbt_state_plugin.core.fingerprint import fingerprint

    _around(fingerprint, "Node", lambda made, **fields: made(**{**fields, "shows_failures": False}))


@bug("where rows lie is nobody's concern", found_by="equal_rows_lie_in_other_places_that_are_read")
def places_of_rows_are_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres.warehouse import PostgresWarehouse

    PostgresWarehouse.reads_storage = lambda *_: False  # type: ignore[method-assign]


@bug(
    "a table from which a column went is taken for still there",
    found_by="a_column_has_the_type_of_the_rows_of_a_table_that_comes_out_equal",
)
def columns_that_went_down_are_forgotten() -> None:
    from dbt_state_plugin.operations.running import compared_rows

    def of_identity(found: Any, record: Any, identity: Any, _columns: Any) -> Any:
        return found(record, identity, None)

    _around(compared_rows, "find_drift", of_identity)


@bug("a comment hides what is called", found_by="what_tells_equal_rows_apart_is_hidden")
def comments_hide_calls() -> None:
    from dbt_state_plugin.warehouse.postgres import deterministic

    deterministic.canonical = lambda statement: statement


@bug(
    "what is edited below is taken for what it was",
    found_by="what_is_edited_below_reads_the_order_that_is_handed_on",
)
def edited_readers_are_forgotten() -> None:
    from dbt_state_plugin.operations.running import hanging_nodes

    hanging_nodes.may_be_rewritten = lambda _entry: False


@bug("labels of a type are not told", found_by="labels_of_a_type_sort_otherwise")
def labels_are_not_told() -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    labels = "pg_catalog.pg_enum e WHERE"
    rows_left._COLUMNS = rows_left._COLUMNS.replace(labels, f"{labels} false AND")


@bug(
    "rows that are made like those of a table read nothing of it",
    found_by="a_column_is_added_to_a_table_of_which_rows_are_made",
)
def types_of_rows_are_not_told() -> None:
    from dbt_state_plugin.warehouse.postgres import named_relations

    statement = named_relations._READS_WHOLE_ROWS
    named_relations._READS_WHOLE_ROWS = statement.replace("c.relkind <> 'c'", "false")


@bug("a name in numbers hides where rows lie", found_by="what_tells_equal_rows_apart_is_hidden")
def names_in_numbers_are_not_read() -> None:
    import re as patterns

    from dbt_state_plugin.warehouse.postgres import deterministic

    deterministic._NAME_IN_NUMBERS = patterns.compile("nothing of a query")


@bug("what is declared of XML is not told", found_by="what_tells_equal_rows_apart_is_hidden")
def texts_of_xml_tell_all() -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    assert "xml$|" in rows_left._COLUMNS
    rows_left._COLUMNS = rows_left._COLUMNS.replace("xml$|", "")


@bug("macros that write are nobody's concern", found_by="macros_of_the_project_write_more_than_the_sql_says")
def macros_that_write_are_forgotten() -> None:
    from dbt_state_plugin.core.fingerprint import fingerprint

    fingerprint.custom_ddl = lambda _: False


@bug("primary keys are nobody's concern", found_by="a_primary_key_goes_by_which_a_query_below_is_valid")
def primary_keys_are_forgotten() -> None:
    from dbt_state_plugin.warehouse.postgres import rows_left

    assert "k.contype = 'p'" in rows_left._COLUMNS
    rows_left._COLUMNS = rows_left._COLUMNS.replace("k.contype = 'p'", "false")


@bug(
    "equal rows have the same version for all who read them later",
    found_by="equal_rows_are_narrowed_away_from_what_sees_more_than_rows",
)
def readers_that_see_more_than_rows_are_forgotten() -> None:
    from dbt_state_plugin.operations.running.cutoff import Cutoff

    Cutoff._is_seen_later = lambda *_: False  # type: ignore[method-assign]


@bug(
    "a node has seen what its parent leaves before that is recorded",
    found_by="killed_when_a_table_that_came_out_different_is_recorded",
)
def a_child_is_recorded_before_its_parent() -> None:
    from dbt_state_plugin.core.lineage import record_key
    from dbt_state_plugin.operations.running.build_recorder import BuildRecorder
    from dbt_state_plugin.state.cut_offs import CutOff, record_cut_off

    def early(record: Any, self: Any, entry: Any, *given: Any) -> Any:
        left = {str(record_key(entry.node, self._project)): str(self._data.left_by(entry))}
        for child in self._cutoff._hanging.readers.get(entry.node.unique_id, ()):
            of_child = self._entries[child]
            key, build = record_key(of_child.node, self._project), of_child.record.build_id
            closed = {"key": key, "execution_id": self._execution_id, "unique_id": child, "build_id": build}
            record_cut_off(self._session.state, CutOff(**closed, parents=left, message=""))
        return record(self, entry, *given)

    _around(BuildRecorder, "_record", early)


@bug("names inside a query are nobody's concern", found_by="what_things_are_called_inside_changes")
def names_inside_are_forgotten() -> None:
    import re as patterns

    from dbt_state_plugin.warehouse.postgres import same_query

    same_query._WHOLE_ROW = patterns.compile("nothing of a tree")
