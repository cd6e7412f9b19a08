"""Scores of detectors, over all mutations and by group.

A record is one mutation's result as JSON: `mutation`, `group`, `truth` (changed, either_way, removed, needs_build,
how), `answers` per detector (changed, removed), `planned`, `hooks`, `reasons`, `converges` (where our run and a plain
`dbt build` leave something else), `dbt_fails` where a plain `dbt build` does, and `error` where something broke.
Recall and precision are micro-averaged over nodes. A deleted node that is not reported as removed is a miss. What a
changed on-run hook writes is ours when the plan executes that hook and our run leaves what plain dbt leaves.

Where `by_rule` names a rule of ours that asks for builds although nothing differs, no detector's false alarms are
scored, and the nodes are listed. Of ours only those that the rule explains are left out: what another environment
built, and what lies below it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from accuracy.detectors import DETECTORS, OURS
from accuracy.mutation import GROUPS

Record = Mapping[str, Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """How one detector did on one mutation."""

    hits: frozenset[str]
    misses: frozenset[str]
    false_alarms: frozenset[str]

    @property
    def is_exact(self) -> bool:
        """Say whether nothing was missed and nothing superfluous."""
        return not self.misses and not self.false_alarms


def verdict(record: Record, detector: str) -> Verdict:
    """Compare a detector's answer with the truth."""
    truth, answer = record["truth"], record["answers"][detector]
    real = {*truth["changed"], *(f"removed {node}" for node in truth["removed"])}
    said = {*answer["changed"], *(f"removed {node}" for node in answer["removed"])}
    superfluous = said - real - set(truth["either_way"])
    if record.get("by_rule"):
        superfluous = {node for node in superfluous if detector == OURS and not _is_by_rule(record, node)}
    misses = real - said - (_by_hooks(record) if detector == OURS else frozenset())
    return Verdict(hits=frozenset(real - misses), misses=frozenset(misses), false_alarms=frozenset(superfluous))


def _by_hooks(record: Record) -> frozenset[str]:
    """Return the changed nodes that come out right since the plan executes a changed hook."""
    if not record.get("hooks") or "dbt_fails" in record:
        return frozenset()
    differing = {difference.partition(":")[0] for difference in record["converges"]}
    return frozenset(record["truth"]["how"]) - differing


def _is_by_rule(record: Record, node: str) -> bool:
    reasons = record["reasons"].get(node, [])
    return bool(reasons) and all(reason.startswith(("drifted: last built by", "upstream: ")) for reason in reasons)


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """One detector's counts over some mutations."""

    mutations: int
    exact: int
    silent: int  # mutations for which nothing was said
    hits: int
    misses: int
    false_alarms: int

    @property
    def recall(self) -> float:
        """Return the share of the really changed nodes that were found."""
        return self.hits / (self.hits + self.misses) if self.hits + self.misses else 1.0

    @property
    def precision(self) -> float:
        """Return the share of the reported nodes that really changed."""
        return self.hits / (self.hits + self.false_alarms) if self.hits + self.false_alarms else 1.0


def score(records: Iterable[Record], detector: str) -> Score:
    """Add up the verdicts on a detector."""
    verdicts = [verdict(record, detector) for record in records]
    return Score(
        mutations=len(verdicts),
        exact=sum(each.is_exact for each in verdicts),
        silent=sum(not each.hits and not each.false_alarms for each in verdicts),
        hits=sum(len(each.hits) for each in verdicts),
        misses=sum(len(each.misses) for each in verdicts),
        false_alarms=sum(len(each.false_alarms) for each in verdicts),
    )


def by_rule(records: Iterable[Record]) -> list[str]:
    """List the mutations after which nodes are built by a rule, not because something differs."""
    lines = []
    for record in completed(records):
        if record.get("by_rule"):
            nodes = [node for node in record["planned"] if _is_by_rule(record, node)]
            lines.append(f"- BY RULE {record['group']}: {record['mutation']}: {len(nodes)} nodes ({record['by_rule']})")
    return lines


def planned_recall(records: Iterable[Record]) -> tuple[int, int]:
    """Return how many of the nodes whose relation has to become another one our plan builds, and how many there are."""
    pairs = [(set(record["truth"]["needs_build"]), set(record["planned"]) | _by_hooks(record)) for record in records]
    return sum(len(needed & planned) for needed, planned in pairs), sum(len(needed) for needed, _ in pairs)


def completed(records: Iterable[Record]) -> list[Record]:
    """Return the records of mutations that could be scored."""
    return [record for record in records if "error" not in record]


def table(records: Iterable[Record]) -> str:
    """Write the scores as Markdown: recall / precision per group, for no-ops how often nothing was selected."""
    done = completed(records)
    asked = _asked(done)
    lines = [
        f"| group | mutations | {' | '.join(asked)} |",
        f"|---|---|{'---|' * len(asked)}",
    ]
    for group in GROUPS:
        members = [record for record in done if record["group"] == group]
        if members:
            lines.append(_row(group, members, asked))
    lines.append(_row("all", done, asked))
    cells = [f"{score(done, detector).exact} of {len(done)}" for detector in asked]
    lines.append(f"| answered exactly | | {' | '.join(cells)} |")
    return "\n".join(lines)


def _asked(done: list[Record]) -> list[str]:
    return [detector for detector in DETECTORS if all(detector in record["answers"] for record in done)]


def _row(group: str, members: list[Record], asked: list[str]) -> str:
    scores = [score(members, detector) for detector in asked]
    if group == "no-op":
        cells = [f"silent in {each.silent}" for each in scores]
    else:
        cells = [f"{_percent(each.recall)} / {_percent(each.precision)}" for each in scores]
    return f"| {group} | {len(members)} | {' | '.join(cells)} |"


def _percent(share: float) -> str:
    return f"{int(share * 1000) / 10:.1f} %"  # cut, not rounded: 99.96 % is not 100 %


def findings(records: Iterable[Record]) -> list[str]:
    """List errors, our misses and false alarms, plans that lack a node, runs that do not converge."""
    lines = []
    for record in records:
        name = f"{record['group']}: {record['mutation']}"
        if "error" in record:
            lines.append(f"- ERROR {name}: {record['error']}")
            continue
        ours, truth = verdict(record, OURS), record["truth"]
        for node in sorted(ours.misses):
            lines.append(f"- MISS {name}: {node} ({truth['how'].get(node, 'deleted')})")
        for node in sorted(ours.false_alarms):
            lines.append(f"- FALSE ALARM {name}: {node} ({'; '.join(record['reasons'].get(node, []))})")
        for node in sorted(set(truth["needs_build"]) - set(record["planned"]) - _by_hooks(record)):
            lines.append(f"- NOT PLANNED {name}: {node}")
        for difference in record["converges"]:
            lines.append(f"- NOT EQUAL {name}: {difference}")
        really = truth["changed"] or truth["removed"]
        if really if record.get("is_no_op") else not (really or truth["either_way"]):
            lines.append(f"- SUSPICIOUS {name}: really changed are {sorted(truth['changed'])}")
    return lines
