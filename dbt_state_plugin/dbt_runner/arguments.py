"""dbt flags after `--`, and those that change what is built."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from dbt_state_plugin.errors import UsageError

# Flags that this tool sets itself; given after `--` they would change what is selected or recorded behind its back.
HIDDEN = frozenset(
    "--select -s --models -m --model --exclude --selector --resource-type --resource-types --exclude-resource-type "
    "--exclude-resource-types --project-dir --profiles-dir --profile --target -t --vars --threads --full-refresh -f "
    "--target-path --indirect-selection --state --inline --help -h --version -V -v".split()
)
# Flags that change what dbt prints or how it goes about it, but not what the relations become.
_HARMLESS_SWITCHES = frozenset(
    "--cache-selected-only --no-cache-selected-only --debug --no-debug -d --fail-fast --no-fail-fast -x --introspect "
    "--log-cache-events --no-log-cache-events --macro-debugging --no-macro-debugging --partial-parse "
    "--no-partial-parse --populate-cache --no-populate-cache --print --no-print --quiet --no-quiet -q --show "
    "--send-anonymous-usage-stats --no-send-anonymous-usage-stats --show-all-deprecations "
    "--no-show-all-deprecations --single-threaded --no-single-threaded --static-parser --no-static-parser "
    "--store-failures --no-store-failures --use-colors --no-use-colors --use-colors-file --no-use-colors-file "
    "--version-check --no-version-check --warn-error --write-json --no-write-json --use-fast-test-edges "
    "--no-use-fast-test-edges".split()
)
_HARMLESS_VALUES = frozenset(
    "--log-format --log-format-file --log-level --log-level-file --log-file-max-bytes --log-path --printer-width "
    "--record-timing-info -r --warn-error-options".split()
)
# Harmless flags that matter while parsing already.
_PARSE_SWITCHES = frozenset(
    "--warn-error --partial-parse --no-partial-parse --static-parser --no-static-parser --version-check "
    "--no-version-check --show-all-deprecations".split()
)
_PARSE_VALUES = frozenset({"--warn-error-options", "--log-path"})
# Flags that change what is built: switches, and those that take a value.
_POWERFUL_SWITCHES = frozenset(
    "--defer --no-defer --empty --no-empty --export-saved-queries --no-export-saved-queries --favor-state "
    "--no-favor-state --include-saved-query --no-include-saved-query --no-introspect --partial-parse-file-diff "
    "--no-partial-parse-file-diff --upload-to-artifacts-ingest-api --no-upload-to-artifacts-ingest-api "
    "--use-experimental-parser --no-use-experimental-parser".split()
)
_POWERFUL_VALUES = frozenset(
    "--defer-state --event-time-end --event-time-start --partial-parse-file-path --sample --sqlparse".split()
)
# What dbt's commands take after `--`: whether a value follows each flag. A test compares it with dbt's own list.
FLAGS_OF_DBT: Mapping[str, bool] = {
    **dict.fromkeys(_HARMLESS_SWITCHES | _POWERFUL_SWITCHES, False),
    **dict.fromkeys(_HARMLESS_VALUES | _POWERFUL_VALUES, True),
}
# Flags of dbt that this tool decides, and what to do instead.
DECIDED: Mapping[str, str] = {
    **dict.fromkeys(("--model", "--models", "-m"), "Use --select instead."),
    **dict.fromkeys(
        ("--resource-type", "--resource-types", "--exclude-resource-type", "--exclude-resource-types"),
        "Leave it out: run, seed and snapshot are for one type of node each, build is for all.",
    ),
    "--indirect-selection": "Leave it out: each test is planned by itself.",
    "--inline": "Leave it out: what is built is recorded by its node.",
    "--target-path": "Set DBT_TARGET_PATH, or target-path: in dbt_project.yml.",
}
# dbt's environment variables with the same power as the flags that change what is built.
_POWERFUL_VARIABLES = tuple(
    f"{prefix}{name}"
    for prefix in ("DBT_ENGINE_", "DBT_")
    for name in (
        *("EMPTY", "SAMPLE", "EVENT_TIME_START", "EVENT_TIME_END", "DEFER", "DEFER_TO_STATE", "FAVOR_STATE"),
        *("FAVOR_STATE_MODE", "DEFER_STATE", "STATE", "INTROSPECT"),
    )
)


@dataclass(frozen=True, slots=True, kw_only=True)
class ExtraArguments:
    """The flags given after `--`: all of them, those for parsing, and those that change what is built."""

    given: tuple[str, ...]
    for_parsing: tuple[str, ...]
    powerful: tuple[str, ...]


def read_extra_arguments(arguments: Iterable[str], environ: Mapping[str, str]) -> ExtraArguments:
    """Sort the flags given after `--`; whatever is not known to be harmless counts as changing what is built.

    Raises UsageError for a flag that has to stand before `--`.
    """
    given = tuple(arguments)
    if given and not given[0].startswith("-"):
        raise UsageError(
            f"{given[0]!r} is not a flag.", "Name nodes with --select; what stands after `--` must be flags for dbt."
        )
    for_parsing: list[str] = []
    powerful: list[str] = []
    position = 0
    while position < len(given):
        name, has_value, _ = given[position].partition("=")
        _refuse_ours(name)
        takes_next = name in _HARMLESS_VALUES and not has_value
        piece = given[position : position + (2 if takes_next else 1)]
        if name in _PARSE_SWITCHES or name in _PARSE_VALUES:
            for_parsing += piece
        if name not in _HARMLESS_SWITCHES and name not in _HARMLESS_VALUES:
            powerful += piece
        position += len(piece)
    powerful += [f"{name}={environ[name]}" for name in _POWERFUL_VARIABLES if environ.get(name)]
    return ExtraArguments(given=given, for_parsing=tuple(for_parsing), powerful=tuple(powerful))


def _refuse_ours(name: str) -> None:
    if name in HIDDEN or not HIDDEN.isdisjoint(_short_flags(name)):
        raise UsageError(
            f"{name} cannot be used after `--`, because dbt-state-plugin sets it.",
            f"Put {name} before `--` where dbt-state-plugin has such an option, or leave it out.",
        )


def _short_flags(name: str) -> list[str]:
    """Return the flags of a bundle: `-xf` is `-x -f`; what follows a flag that takes a value is the value."""
    if not name.startswith("-") or name.startswith("--"):
        return []
    found: list[str] = []
    for letter in name[1:]:
        found.append(f"-{letter}")
        if found[-1] in _HARMLESS_VALUES:
            break
    return found
