"""Relations of removed nodes that still exist, and their removal.

An orphan is recorded for this environment, and no enabled node or source of the project has its relation.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING

from dbt_state_plugin.core.values.capabilities import Told
from dbt_state_plugin.core.values.causes import Cause, CauseCode, told
from dbt_state_plugin.core.values.orphans import Action, DropCheck, Orphan, Orphans
from dbt_state_plugin.core.values.progress import Stage, Step
from dbt_state_plugin.core.values.records import RecordedRelation
from dbt_state_plugin.core.values.relations import Identity, RelationName
from dbt_state_plugin.operations.options import RunOptions
from dbt_state_plugin.operations.planning.planning import plan_in
from dbt_state_plugin.operations.session import lock_environment, open_session
from dbt_state_plugin.postgres.connection import database_errors, transaction
from dbt_state_plugin.state.claims import Claim, read_claims, take_record
from dbt_state_plugin.state.relations import read_recorded
from dbt_state_plugin.state.state import State
from dbt_state_plugin.warehouse.answers import DropRefused

if TYPE_CHECKING:
    from dbt_state_plugin.operations.ports import Ports
    from dbt_state_plugin.operations.session import Session
    from dbt_state_plugin.operations.target import Target

# What dbt can make again from the code alone. Any other materialization, also a custom one, may hold rows of the past.
_REBUILT = frozenset({"table", "view", "materialized_view", "seed"})


def find_orphans(target: Target, *, includes_history: bool = False, ports: Ports | None = None) -> Orphans:
    """Return the orphans of the environment and what would be done with each, without writing or locking anything.

    With `includes_history` snapshots and incremental models count as droppable. Raises the errors of a plan.
    """
    with open_session(target, create=False, ports=ports) as session:
        return _find(session, includes_history=includes_history, holds_lock=False)


def drop_orphans(
    target: Target,
    shown: Orphans,
    *,
    includes_history: bool = False,
    on_wait: Callable[[str], None] = lambda _holder: None,
    on_done: Callable[[Orphan], None] = lambda _orphan: None,
    ports: Ports | None = None,
) -> Orphans:
    """Drop and forget what was shown to be dropped and forgotten, one transaction each; return what was done.

    Everything is looked at again under the environment's lock. An orphan comes back with the action that was taken and,
    unless it was dropped, why; `on_done` is told each as it happens. Raises BusyError, StateError and the errors of a
    plan.
    """
    with open_session(target, ports=ports) as session:
        lock_environment(session, on_wait)
        now = _find(session, includes_history=includes_history, holds_lock=True)
        done: list[Orphan] = []
        wanted = tuple(agreed(shown, now))
        for orphan in wanted:
            name = orphan.record.unique_id
            session.ports.progress(Step(stage=Stage.DROP, done=len(done) + 1, total=len(wanted), detail=name))
            done.append(carry_out(session, orphan) if orphan.action in _ACTIVE else orphan)
            on_done(done[-1])
    return Orphans(environment=now.environment, orphans=tuple(done))


_ACTIVE = (Action.DROP, Action.FORGET)


def agreed(shown: Orphans, now: Orphans) -> Iterator[Orphan]:
    """Return what there is to do: nothing that was not shown, and the cause of what is not due any more."""
    settled = {_build(orphan) for orphan in shown.of(*_ACTIVE)}
    for orphan in now.orphans:
        is_new = orphan.action in _ACTIVE and _build(orphan) not in settled
        yield _refused(orphan, Cause(code=CauseCode.NEW_SINCE_SHOWN)) if is_new else orphan
    present = {_build(orphan) for orphan in now.orphans}
    for orphan in shown.orphans:
        if _build(orphan) not in present:
            yield replace(orphan, action=Action.KEEP, why=Cause(code=CauseCode.NO_ORPHAN_ANY_MORE))


def _build(orphan: Orphan) -> tuple[RelationName, object]:
    return orphan.record.relation, orphan.record.build_id


def _find(session: Session, *, includes_history: bool, holds_lock: bool) -> Orphans:
    state = session.state
    if not session.has_state or not state.environment_id:
        return Orphans(environment=state.environment, is_recorded=False)
    planned = plan_in(session, RunOptions(command="build"))
    records = [record for record in planned.plan.removed if isinstance(record, RecordedRelation)]
    checks = session.warehouse.drop_checks([record.relation for record in records])
    parts = {part for check in checks.values() for part in check.parts}
    taken = {node.relation for node in planned.project.nodes.values()} | set(read_recorded(state, parts).relations)
    claims = _claims(state, [record.relation for record in records], holds_lock=holds_lock)
    drops = session.warehouse.capabilities["drop"] is not Told.NOT
    orphans = [
        categorized(
            record, checks.get(record.relation), claims.get(record.relation), taken, includes_history, drops=drops
        )
        for record in records
    ]
    return Orphans(environment=state.environment, orphans=ordered(orphans))


def categorized(
    record: RecordedRelation,
    check: DropCheck | None,
    claim: Cause | None,
    taken: set[RelationName | None],
    includes_history: bool,
    *,
    drops: bool = True,
) -> Orphan:
    """Return what can be done with an orphan as far as no other relation has a say in it.

    Without `drops` it is in a warehouse where nothing is dropped.
    """
    action, why = Action.DROP, None
    if check is None:
        action, why = Action.FORGET, Cause(code=CauseCode.NO_LONGER_EXISTS)
    elif refusal := _refusal(record, check, claim):
        action, why = Action.REFUSE, refusal
    elif _holds_history(record) and not includes_history:
        action, why = Action.KEEP, Cause(code=CauseCode.HOLDS_HISTORY)
    elif not drops:
        action, why = Action.REFUSE, Cause(code=CauseCode.NOT_DROPPED_HERE)
    elif refusal := _refusal_of_server(check, taken):
        action, why = Action.REFUSE, refusal
    return Orphan(record=record, check=check, action=action, why=why)


def _refusal(record: RecordedRelation, check: DropCheck, claim: Cause | None) -> Cause | None:
    """Return that a relation is another one than what was recorded, or may be by now."""
    if _is_recorded(record, check.identity):
        return claim
    values = {"is_now": check.identity.kind.value, "owner": check.owner}
    return Cause(code=CauseCode.REPLACED, values=values)


def _refusal_of_server(check: DropCheck, taken: set[RelationName | None]) -> Cause | None:
    """Return why the drop of a relation would take along too much, or be refused."""
    recorded = next((part for part in check.parts if part in taken), None)
    if recorded is not None:
        return Cause(code=CauseCode.PARTITION_RECORDED, values={"partition": str(recorded)})
    if not check.may_drop:
        return Cause(code=CauseCode.NOT_OWNED, values={"role": check.role, "owner": check.owner})
    return None


def _is_recorded(record: RecordedRelation, now: Identity) -> bool:
    before = record.identity
    return before is not None and before.kind is now.kind and now.is_same_object_as(before)


def _holds_history(record: RecordedRelation) -> bool:
    return record.resource_type == "snapshot" or record.materialized not in _REBUILT


def ordered(orphans: Iterable[Orphan]) -> tuple[Orphan, ...]:
    """Return the orphans in the order of their drops, dependants first, and then those that are not dropped.

    A drop that something else depends on is refused: something that stays, or in the end each other.
    """
    rest = list(orphans)
    dropping = {orphan.record.relation: orphan for orphan in rest if orphan.check and orphan.action is Action.DROP}
    order: list[Orphan] = []
    gone: set[RelationName] = set()
    while free := [name for name in dropping if name not in gone and not _blockers(dropping[name], gone)]:
        order += [dropping[name] for name in free]
        gone |= set(free)
    for orphan in rest:
        blockers = _blockers(orphan, gone) if orphan.action is Action.DROP else ()
        if blockers:
            cause = Cause(code=CauseCode.DEPENDED_ON, values={"dependents": list(blockers)})
            order.append(_refused(orphan, cause))
        elif orphan.action is not Action.DROP:
            order.append(orphan)
    return tuple(sorted(order, key=lambda orphan: list(Action).index(orphan.action)))


def _blockers(orphan: Orphan, gone: set[RelationName]) -> tuple[str, ...]:
    dependants = orphan.check.dependants if orphan.check else ()
    return tuple(dependant.description for dependant in dependants if not dependant.goes_with & gone)


def _refused(orphan: Orphan, why: Cause) -> Orphan:
    return replace(orphan, action=Action.REFUSE, why=why)


def _claims(state: State, relations: Iterable[RelationName], *, holds_lock: bool) -> Mapping[RelationName, Cause]:
    """Return who may be writing each of these relations, or may have written it."""
    found = read_claims(state, relations, holds_lock=holds_lock)
    return {relation: _claimed(claim) for relation, claim in found.items()}


def _claimed(claim: Claim) -> Cause:
    code = CauseCode.BEING_WRITTEN if claim.is_running else CauseCode.MAY_BE_WRITTEN
    return Cause(code=code, values={"execution": claim.execution_id, "environment": str(claim.environment)})


def carry_out(session: Session, orphan: Orphan) -> Orphan:
    """Drop or forget one orphan, wholly or not at all; return it with what was done."""
    try:
        with database_errors(f"Cannot drop {orphan.record.relation}"), _transactions(session):
            _forget(session.state, orphan.record)
            if orphan.action is Action.DROP and orphan.record.identity:
                session.warehouse.drop(orphan.record.relation, orphan.record.identity)
    except _Claimed as claimed:
        return _refused(orphan, claimed.cause)
    except DropRefused as refusal:
        return _refused(orphan, told(refusal.why))
    return orphan


class _Claimed(Exception):
    """Others have to do with a relation by now."""

    def __init__(self, cause: Cause) -> None:
        super().__init__(cause.code.value)
        self.cause = cause


def _forget(state: State, record: RecordedRelation) -> None:
    """Delete a record and our intents on its relation; raises _Claimed when others have to do with it by now."""
    if not take_record(state, record):
        raise _Claimed(Cause(code=CauseCode.RECORDED_JUST_NOW))
    for claim in _claims(state, [record.relation], holds_lock=True).values():
        raise _Claimed(claim)


@contextmanager
def _transactions(session: Session) -> Iterator[None]:
    """Make one transaction of what the warehouse does and what the state's connection does.

    With the state elsewhere the warehouse commits first: a relation that is gone and still recorded is forgotten the
    next time, while one that is there and not recorded would never be found again.
    """
    with transaction(session.state.connection):
        if session.warehouse.shares(session.state.connection):
            yield
        else:
            with session.warehouse.transaction():
                yield
