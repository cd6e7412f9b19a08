"""Death of a run or connection at any message to PostgreSQL.

Real dbt, real PostgreSQL. After each fault the project is edited, reverted or left alone, and run again; then every
relation must be as built from scratch. With `DBT_STATE_PLUGIN_FAULTS=full` every message is a point.
"""

from __future__ import annotations

import random
import signal
import time
from collections.abc import Iterator, Sequence

import pytest

from dbt_state_plugin.testing.postgres_server import Server
from faults.size import is_small, size
from faults.soak import soak
from faults.stage import DBT, ONE, STATE, THREE, TWO, Stage, staged

ALL = 1_000_000
FOLLOWING = (ONE, TWO, THREE)  # reverted, left alone, edited again


@pytest.fixture(scope="module")
def stage(postgres_server: Server, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stage]:
    with staged(postgres_server, tmp_path_factory.mktemp("stage")) as created:
        yield created


@pytest.fixture(scope="module")
def messages(stage: Stage) -> dict[str, int]:
    """Give how many messages there are in a run."""
    return stage.messages()


def points(last: int, wanted: int, *, alone: float = 0.5) -> Sequence[int]:
    """Return so many points, spread evenly from the first message to the last; a single one at the part `alone`."""
    if wanted >= last:
        return range(1, last + 1)
    if wanted == 1:
        return [round(last * alone)]
    return sorted({1 + round(number * (last - 1) / (wanted - 1)) for number in range(wanted)})


KILLED, CUT = (signal.SIGKILL, 0.75), ("cut", 0.5)
FAULTS = {
    "killed-the state": (STATE, *KILLED),
    "cut off-dbt": (DBT, *CUT),
    **({} if is_small() else {"cut off-the state": (STATE, *CUT), "killed-dbt": (DBT, *KILLED)}),
}


@pytest.mark.parametrize(("kind", "action", "alone"), FAULTS.values(), ids=FAULTS)
def test_a_fault_at_any_message_loses_nothing(
    stage: Stage, messages: dict[str, int], kind: str, action: str | int, alone: float
) -> None:
    chosen = points(messages[kind], size(small=1, full=ALL), alone=alone)
    for number, at in enumerate(chosen):
        following = FOLLOWING[number % 3]
        told = f"{action} at message {at} of {messages[kind]} ({kind}), then version {following}"
        stage.begin()
        stage.write(TWO)

        ended, fired = stage.run_with(kind, at, action)

        is_last = at == chosen[-1]  # the end of the connection, after which the process may have gone by itself
        if fired and action == signal.SIGKILL and not (is_last and ended.code == 0):
            assert ended.code == -signal.SIGKILL, told
        elif ended.code == 0:
            assert stage.warehouse() == stage.expected[TWO], f"{told}: it said that it succeeded"
        assert "Traceback" not in ended.stderr, f"{told}\n{ended.stderr}"
        stage.must_be(following, told)
    print(f"{len(chosen)} of {messages[kind]} messages of {kind}, {action}: nothing lost")


def test_a_signal_at_any_message_ends_the_run_as_cancelled_and_loses_nothing(
    stage: Stage, messages: dict[str, int]
) -> None:
    chance = random.Random(7)
    codes = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGHUP: 129}
    for number in range(size(small=1, full=150)):
        wanted = list(codes)[number % 3]
        kind = chance.choice([STATE, DBT])
        at = chance.randrange(1, messages[kind] * 9 // 10)
        told = f"{wanted.name} at message {at} of {messages[kind]} ({kind})"
        stage.begin()
        stage.write(TWO)

        ended, fired = stage.run_with(kind, at, wanted)

        assert "Traceback" not in ended.stderr, f"{told}\n{ended.stderr}"
        assert not fired or ended.code == codes[wanted], f"{told}: {ended.code}\n{ended.stderr}"
        running = stage.direct.query("SELECT count(*) FROM dbt_state_plugin.execution WHERE status = 'running'")
        assert running == [(0,)], told
        stage.must_be(FOLLOWING[chance.randrange(3)], told)


def test_a_run_that_was_stopped_and_cut_off_does_not_fool_the_one_that_took_over(
    stage: Stage, messages: dict[str, int]
) -> None:
    chosen = points(messages[STATE], 2 if is_small() else size(small=3, full=ALL))
    for number, at in enumerate(chosen):
        told = f"stopped at message {at} of {messages[STATE]} of the state"
        stage.begin()
        stage.write(TWO)
        child = stage.stopped("run", "--threads", "1")
        stage.proxy.arm(STATE, at, signal.SIGSTOP, child.pid)
        child.resume()
        while not stage.proxy.tell(name="report")["fired"]:
            if number and at == chosen[-1]:
                break  # the last messages are not always sent
            time.sleep(0.01)
        stage.write(THREE)
        successor = stage.run()
        assert successor.code == 0, f"{told}\n{successor.stderr}"

        stopped = child.resume().wait()

        assert "Traceback" not in stopped.stderr, f"{told}\n{stopped.stderr}"
        assert stage.warehouse() == stage.expected[THREE], told
        stage.must_be(THREE, told)


def test_one_turn_of_the_soak_with_random_faults_survives(stage: Stage, messages: dict[str, int]) -> None:
    survived = soak(stage, messages, 0, seed=11)

    assert "1 comparisons that were equal" in survived
    print(survived)
