"""How Meltano loads a stream, and names of differences."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any
from uuid import UUID

import pytest
import yaml

from dbt_state_plugin.core.fingerprint.hashing import keyed_digest
from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.operations.bookkeeping.steps import Earlier
from dbt_state_plugin.state.recorded_steps import StepRecord
from meltano_plugin.bookmarks import ALL_STREAMS, without_bookmarks
from meltano_plugin.load_changes import NEW, ChangeKind, StreamReason, changes_between
from meltano_plugin.load_plan import is_excluded, reason_words, reset_before
from meltano_plugin.load_step import checksums_now, item_of
from meltano_plugin.pair import Pair, pairs_of
from meltano_plugin.plugin import effective_plugin
from meltano_plugin.project import MeltanoProject, read_project
from meltano_plugin.sensitive import is_left_out, without_secrets
from meltano_plugin.streams import rules_for, streams_of

EARLIER = Earlier(digest=keyed_digest(b"k" * 32))
TAP: dict[str, Any] = {
    "name": "tap-shop",
    "variant": "acme",
    "pip_url": "tap-shop==1",
    "select": ["orders.*", "customers.id"],
    "metadata": {"orders": {"replication-method": "INCREMENTAL"}},
    "config": {"start_date": "2020-01-01", "host": "db", "password": "hunter2", "stream_maps": {"orders": {"a": "b"}}},
}
CONTENT: dict[str, Any] = {
    "environments": [{"name": "dev"}, {"name": "prod"}],
    "plugins": {
        "extractors": [TAP],
        "loaders": [{"name": "target-shop", "config": {"default_target_schema": "raw"}}],
        "utilities": [{"name": "dbt-state-plugin"}],
    },
    "jobs": [{"name": "shop", "tasks": ["tap-shop target-shop dbt-state-plugin:run"]}],
}


def project(tmp_path: Path, content: Mapping[str, Any] = CONTENT, **environ: str) -> MeltanoProject:
    (tmp_path / "meltano.yml").write_text(yaml.safe_dump(dict(content)), encoding="utf-8")
    return read_project(tmp_path, tmp_path / ".meltano", "dev", environ)


def changed(tmp_path: Path, tap: Mapping[str, Any], **environ: str) -> dict[str, tuple[str, ...]]:
    """Return the reasons by stream when the tap has these keys too."""
    before = checksums_now(project(tmp_path), "dbt-state-plugin", EARLIER)
    content = {**CONTENT, "plugins": {**CONTENT["plugins"], "extractors": [{**TAP, **tap}]}}
    after = checksums_now(project(tmp_path, content, **environ), "dbt-state-plugin", EARLIER)
    return words(before, after)


def words(before: Mapping[str, str], after: Mapping[str, str]) -> dict[str, tuple[str, ...]]:
    """Return what is said of each changed stream."""
    changes = changes_between(before, after, before)
    return {change.stream: tuple(map(reason_words, change.reasons)) for change in changes}


@pytest.mark.parametrize(
    ("tap", "expected"),
    [
        ({}, {}),
        ({"select": ["customers.id", "orders.*", "orders"]}, {}),
        ({"select": ["orders.*", "!orders.note", "customers.id"]}, {"orders": ("select changed",)}),
        ({"select": ["orders.*"]}, {"customers": ("removed",)}),
        ({"select": [*TAP["select"], "payments.*"]}, {"payments": ("new stream",)}),
        ({"metadata": {"orders": {"replication-method": "FULL_TABLE"}}}, {"orders": ("metadata changed",)}),
        ({"metadata": {**TAP["metadata"], "cust*": {"x": 1}}}, {"customers": ("metadata changed",)}),
        ({"schema": {"customers": {"id": {"type": "integer"}}}}, {"customers": ("schema changed",)}),
        (
            {"load_schema": "raw"},
            {"customers": ("load schema changed",), "orders": ("load schema changed",)},
        ),
        (
            {"config": {**TAP["config"], "start_date": "2021-01-01"}},
            {"customers": ("config changed",), "orders": ("config changed",)},
        ),
        ({"config": {**TAP["config"], "stream_maps": {"orders": {"a": "c"}}}}, {"orders": ("config changed",)}),
        ({"config": {**TAP["config"], "host": "other", "password": "changed", "ssh_tunnel": {"port": 1}}}, {}),
        ({"pip_url": "tap-shop==2"}, {"customers": ("version changed",), "orders": ("version changed",)}),
        ({"variant": "other"}, {"customers": ("plugin changed",), "orders": ("plugin changed",)}),
    ],
)
def test_each_difference_has_its_name(
    tmp_path: Path, tap: Mapping[str, Any], expected: dict[str, tuple[str, ...]]
) -> None:
    assert changed(tmp_path, tap) == expected


def test_without_a_catalog_a_wildcard_stands_for_the_streams_recorded_before(tmp_path: Path) -> None:
    before = checksums_now(project(tmp_path), "dbt-state-plugin", EARLIER)
    content = {**CONTENT, "plugins": {**CONTENT["plugins"], "extractors": [{**TAP, "select": ["*.*"]}]}}

    after = checksums_now(project(tmp_path, content), "dbt-state-plugin", replace(EARLIER, checksums=before))

    assert words(before, after) == {"customers": ("select changed",)}


def test_a_variable_of_meltano_overrides_what_is_written(tmp_path: Path) -> None:
    assert changed(tmp_path, {}, TAP_SHOP__SELECT='["orders.id", "customers.id"]') == {"orders": ("select changed",)}
    assert set(changed(tmp_path, {}, TAP_SHOP_START_DATE="2022-01-01")) == {"customers", "orders"}
    assert changed(tmp_path, {}, TAP_SHOP_PASSWORD="other", TAP_SHOP_HOST="other") == {}


def test_the_active_environment_and_the_parent_count(tmp_path: Path) -> None:
    content = {
        "environments": [
            {
                "name": "dev",
                "config": {"plugins": {"extractors": [{"name": "tap-base", "config": {"start_date": "dev"}}]}},
            }
        ],
        "plugins": {
            "extractors": [
                {"name": "tap-base", "variant": "acme", "config": {"start_date": "x", "depth": 1}, "select": ["a.*"]},
                {"name": "tap-child", "inherit_from": "tap-base", "config": {"depth": 2}},
            ]
        },
    }

    plugin = effective_plugin(project(tmp_path, content), "extractors", "tap-child")

    assert plugin.config == {"start_date": "dev", "depth": 2}
    assert plugin.extras["select"] == ["a.*"]
    assert plugin.variant == "acme"


def test_the_lock_file_tells_what_is_sensitive_and_what_a_tap_can(tmp_path: Path) -> None:
    lock = tmp_path / "plugins" / "extractors" / "tap-shop--acme.lock"
    lock.parent.mkdir(parents=True)
    settings = [{"name": "odd_name", "sensitive": True}, {"name": "depth", "value": 3}]
    lock.write_text(json.dumps({"name": "tap-shop", "capabilities": ["state"], "settings": settings}))

    plugin = effective_plugin(project(tmp_path), "extractors", "tap-shop")

    assert plugin.secrets == {"odd_name"}
    assert plugin.config["depth"] == 3
    assert plugin.capabilities == {"state"}


def test_included_files_belong_to_the_project(tmp_path: Path) -> None:
    (tmp_path / "more.yml").write_text(yaml.safe_dump({"plugins": {"extractors": [{"name": "tap-more"}]}}))

    found = project(tmp_path, {**CONTENT, "include_paths": ["more*.yml"]})

    assert [plugin["name"] for plugin in found.plugins("extractors")] == ["tap-shop", "tap-more"]


@pytest.mark.parametrize("text", ["plugins: [", "- a\n- b\n", "\xff"])
def test_what_cannot_be_read_is_said_without_its_text(tmp_path: Path, text: str) -> None:
    (tmp_path / "meltano.yml").write_bytes(f"password: canary\n{text}".encode("latin-1"))

    with pytest.raises(ConfigurationError) as caught:
        read_project(tmp_path, tmp_path / ".meltano", "dev", {})

    assert "meltano.yml" in caught.value.what
    assert "canary" not in str(caught.value)


def test_pairs_are_those_of_the_jobs_that_hold_the_utility(tmp_path: Path) -> None:
    plugins = {
        "extractors": [{"name": "tap-a"}, {"name": "tap-b"}],
        "loaders": [{"name": "target-x"}],
        "mappers": [{"name": "mapper", "mappings": [{"name": "hide", "config": {}}]}],
    }
    jobs = [
        {"name": "ours", "tasks": [["tap-a", "hide", "target-x"], "dbt-state-plugin:run"]},
        {"name": "theirs", "tasks": ["tap-b target-x"]},
    ]

    assert pairs_of(project(tmp_path, {"plugins": plugins, "jobs": jobs}), "dbt-state-plugin") == (
        Pair(extractor="tap-a", loader="target-x", mappings=("hide",)),
    )
    others = pairs_of(project(tmp_path, {"plugins": plugins, "jobs": jobs[1:]}), "dbt-state-plugin")
    assert others == (Pair(extractor="tap-b", loader="target-x"),)
    guessed = pairs_of(project(tmp_path, {"plugins": plugins}), "dbt-state-plugin")
    assert [str(pair) for pair in guessed if pair.is_guess] == ["tap-a to target-x", "tap-b to target-x"]


def test_streams_come_from_the_catalog_then_from_what_is_known_then_from_the_patterns() -> None:
    assert streams_of(["a*.*", "!ab.*"], [], catalog=["aa", "ab", "b"], known=["ax"]) == ("aa",)
    assert streams_of(["a*.*"], [], catalog=None, known=["aa", "b"]) == ("aa",)
    assert streams_of(["a*.*", "b.id"], [], catalog=None, known=[]) == ("a*", "b")
    assert streams_of(["*.*"], ["aa"], catalog=["aa", "ab"], known=[]) == ("aa",)
    assert streams_of(["*.*", "!ab.note"], ["!aa"], catalog=["aa", "ab"], known=[]) == ("ab",)
    assert streams_of([r"public\.orders.id"], [], catalog=None, known=[]) == ("public.orders",)


def test_patterns_that_mean_the_same_are_the_same_rules() -> None:
    assert rules_for(["orders", "*.id", "!orders.note"], "orders") == rules_for(
        ["!orders.note", "*.id", "orders.*", "orders.id"], "orders"
    )


@pytest.mark.parametrize(
    "name", ["password", "apiKey", "client_secret", "db_host", "sqlalchemy_url", "ssl.cert", "key"]
)
def test_connections_and_secrets_are_left_out(name: str) -> None:
    assert is_left_out(name)


@pytest.mark.parametrize(
    "name", ["start_date", "key_properties", "replication_key", "filter_dbs", "report_ids", "primary_keys", "hashed"]
)
def test_what_decides_about_rows_is_not_left_out(name: str) -> None:
    assert not is_left_out(name)


def test_secrets_in_values_are_not_looked_at() -> None:
    environ = {"SCHEMA": "raw", "API_TOKEN": "canary"}

    found = without_secrets({"a": "${SCHEMA}-$API_TOKEN", "b": ["https://me:canary@host/x"]}, environ)

    assert found == {"a": "raw-$API_TOKEN", "b": ["https://host/x"]}


def test_a_stream_that_comes_back_is_compared_with_its_own_last_definition() -> None:
    known = {"p / s / select": "1", "p / s / version": "1"}

    same = changes_between({}, known, known)
    other = changes_between({}, {**known, "p / s / select": "2"}, known)

    changed = StreamReason(ChangeKind.PART_CHANGED, "select")
    assert [(change.reasons, change.wants_reload) for change in same] == [((NEW,), False)]
    assert [(change.reasons, change.wants_reload) for change in other] == [((NEW, changed), True)]


def test_what_is_stored_of_a_stream_does_not_depend_on_the_words_for_it() -> None:
    before = {"p / gone / select": "1", "p / s / load schema": "1", "p / s / version": "1", "p / t / version": "1"}
    now = {"p / new / select": "1", "p / s / load schema": "2", "p / s / version": "2", "p / t / version": "2"}

    changes = changes_between(before, now, before)

    stored = {change.stream: (item_of(change).status, item_of(change).reasons) for change in changes}
    assert {change.stream for change in changes if change.wants_reload} == {"s"}
    assert stored == {
        "gone": ("removed", (("removed", ""),)),
        "new": ("changed", (("new", "stream"),)),
        "s": ("changed", (("load schema", "changed"), ("version", "changed"))),
        "t": ("changed", (("version", "changed"),)),
    }


@pytest.mark.parametrize(
    ("later", "counts"),
    [
        ([], False),
        ([("LOAD", "2")], False),  # loaded so, but with the bookmark of before
        ([("RELOAD", "2")], True),
        ([("RELOAD", "2"), ("LOAD", "2"), ("LOAD", "2")], True),  # the runs failed, else there were a new baseline
        ([("RELOAD", "3")], False),
        ([("RELOAD", "2"), ("RELOAD", "3")], False),
        ([("RELOAD", "2"), ("LOAD", "3")], False),
        ([("RELOAD", "2"), ("LOAD", "3"), ("RELOAD", "2")], True),
    ],
)
def test_a_reset_counts_while_every_load_since_had_its_definition(later: list[tuple[str, str]], counts: bool) -> None:
    now = {"p / s / select": "2", "p / s / version": "9"}
    [change] = changes_between({"p / s / select": "1", "p / s / version": "1"}, now, {})
    moment = datetime(2026, 1, 1, tzinfo=timezone.utc)
    steps = [
        StepRecord(
            execution_id=UUID(int=number),
            name=name,
            started_at=moment + timedelta(hours=number),
            finished_at=None,
            checksums={"p / s / select": value, "p / s / version": "1", "p / other / select": "5"},
        )
        for number, (name, value) in enumerate(later)
    ]

    assert bool(reset_before(change, steps)) is counts


def test_only_the_bookmarks_of_the_streams_are_taken_away() -> None:
    state = {
        "singer_state": {
            "bookmarks": {
                "a": {"replication_key_value": 1},
                "b": {"lsn": 2},
                "full": {"version": 3},
                "none": {},
                "empty": {"partitions": []},
            },
            "currently_syncing": None,
        }
    }

    kept, reset = without_bookmarks(state, {"a", "full", "none", "empty", "unknown"})
    everything, all_reset = without_bookmarks(state, {ALL_STREAMS})

    assert reset == ("a",)
    assert list(kept["singer_state"]["bookmarks"]) == ["b", "full", "none", "empty"]
    assert "currently_syncing" in kept["singer_state"]
    assert all_reset == ("a", "b")
    assert list(everything["singer_state"]["bookmarks"]) == ["full", "none", "empty"]


def test_state_of_another_form_is_refused_and_no_state_is_nothing_to_reset() -> None:
    assert without_bookmarks({}, {"a"}) == ({}, ())
    with pytest.raises(ConfigurationError, match="the tap's own form"):
        without_bookmarks({"singer_state": {"a": 1}}, {"a"})


@pytest.mark.parametrize(
    ("pattern", "is_meant"),
    [
        ("public-orders", True),
        ("public-*", True),
        ("tap-shop/*", True),
        ("tap-shop/public-orders", True),
        ("tap-other/*", False),
        ("orders", False),
        ("PUBLIC-ORDERS", False),
    ],
)
def test_a_stream_is_excluded_by_its_name_alone_or_with_its_extractor(pattern: str, is_meant: bool) -> None:
    assert is_excluded("tap-shop to target-shop", "public-orders", ["x", pattern]) is is_meant
    assert not is_excluded("tap-shop to target-shop", "public-orders", [])
