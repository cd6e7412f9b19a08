"""Random histories, and the moments when both warehouses are compared.

Run with `DBT_STATE_PLUGIN_TWIN=200` for 200 histories, or `DBT_STATE_PLUGIN_TWIN=3600s` for an hour of them.
"""

from __future__ import annotations

import os
import tempfile
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from functools import partial
from pathlib import Path

from hypothesis import HealthCheck, Phase, Verbosity, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, precondition, rule, run_state_machine_as_test

from dbt_state_plugin.testing.postgres_server import Server
from twin.pair import Difference, Pair, paired
from twin.shop import CHANGES, EDITED, HANDS, LOADED, NODES, VERSIONS
from twin.steps import KILLS, Kill

SIZE_VARIABLE = "DBT_STATE_PLUGIN_TWIN"
DEFAULT_HISTORIES, DEFAULT_STEPS, FULL_STEPS = 2, 5, 25
# The same values for every history, so that a failure can be told in a line.
_NUMBERS = st.integers(min_value=1, max_value=9)
# The first history that hypothesis draws is the simplest, and of ten or more it draws a tenth nearly as simple.
_AT_ONCE = 9
_ENDLESS = 1_000_000  # histories
_COMMANDS = ("run", "build", "build", "seed", "snapshot")
_NO_NEWS = (
    *("undefined_table", "undefined_column", "wrong_object_type", "undefined_object", "invalid_table_definition"),
    "object_not_in_prerequisite_state",  # a view that cannot be written into
)


# How histories run with cutoff; where no size is asked for all do with the one that compares most.
_CUTOFFS = ("always", "auto") if SIZE_VARIABLE in os.environ else ("always",)


class TimeIsUp(KeyboardInterrupt):
    """The time that was asked for has passed; hypothesis lets nothing but an interrupt through at once."""


class History(RuleBasedStateMachine):
    """One history; the class attributes say where it runs."""

    server: Server
    bug = ""
    counts: dict[str, int]
    end: float = float("inf")  # when no new history begins, by time.monotonic()
    found: list[str]  # what differed: hypothesis runs a history that ended so once more

    def __init__(self) -> None:
        super().__init__()
        self.stack = ExitStack()
        self.step = 0
        self.variables: tuple[str, ...] = ()
        self.label = "none"
        self.target = "dev"
        self.pair: Pair | None = None
        self.is_over = False
        self.idle = 0  # runs since something changed: more of them would only cost time

    @initialize(cutoff=st.sampled_from(_CUTOFFS))
    def begin(self, cutoff: str) -> None:
        if self.found:
            raise Difference(self.found[0])
        if time.monotonic() > self.end:
            raise TimeIsUp
        folder = Path(self.stack.enter_context(tempfile.TemporaryDirectory(prefix="twin-")))
        files = {path: versions[0] for path, versions in VERSIONS.items()}
        self.pair = self.stack.enter_context(paired(self.server, folder / "pair", files, LOADED, bug=self.bug))
        self.pair.cutoff = cutoff
        self._count("histories")
        self._count(f"histories with cutoff {cutoff}")

    @rule(which=st.sampled_from(CHANGES), n=_NUMBERS)
    def load(self, which: str, n: int) -> None:
        self.step += 1
        self._pair.execute(which.format(n=n, step=self.step))
        self._count("loads")

    @rule(edit=st.sampled_from(EDITED))
    def edit(self, edit: tuple[str, int]) -> None:
        path, number = edit
        self._pair.write(path, VERSIONS[path][number])
        self._count("edits")

    @rule(edit=st.sampled_from(EDITED), n=_NUMBERS, which=st.sampled_from(CHANGES))
    def edit_and_load(self, edit: tuple[str, int], n: int, which: str) -> None:
        self.edit(edit)
        self.load(which, n)

    @rule(which=st.sampled_from(HANDS))
    def alter_by_hand(self, which: str) -> None:
        # What is not there, or is of another kind, cannot be altered; that is no news.
        errors = " or ".join(_NO_NEWS)
        self._pair.execute(f"do $$ begin {which}; exception when {errors} then null; end $$")
        self._count("hands")

    @rule(
        least=st.sampled_from((None, 25, 40)),
        label=st.sampled_from(("none", "first")),
        profile=st.sampled_from(("dev", "other")),
    )
    def choose(self, least: int | None, label: str, profile: str) -> None:
        self.variables = () if least is None else ("--vars", f"{{least: {least}}}")
        self.label, self.target = label, profile
        self._count("choices")

    @precondition(lambda self: self.idle < 2)
    @rule()
    def run_models(self) -> None:
        self._run("run")

    @precondition(lambda self: self.idle < 2)
    @rule(command=st.sampled_from(_COMMANDS))
    def run_command(self, command: str) -> None:
        self._run(command)

    @precondition(lambda self: self.idle < 2)
    @rule()
    def run_models_by_dbt(self) -> None:
        self._run_by_dbt("run")

    @precondition(lambda self: self.idle < 2)
    @rule(command=st.sampled_from(_COMMANDS))
    def run_command_by_dbt(self, command: str) -> None:
        self._run_by_dbt(command)

    @precondition(lambda self: self.idle < 1)
    @rule(node=st.sampled_from(NODES), after=st.sampled_from(("", "+")), command=st.sampled_from(("run", "build")))
    def run_narrowed(self, node: str, after: str, command: str) -> None:
        self._pair.run_narrowed(node + after, command)
        self._count("narrowed runs")

    @precondition(lambda self: self.idle < 1)
    @rule(
        at=st.sampled_from(KILLS),
        number=st.integers(min_value=1, max_value=120),
        command=st.sampled_from(("run", "build")),
    )
    def run_killed(self, at: str, number: int, command: str) -> None:
        # As many events come as a run of some nodes has; marks are fewer, and intents are opened once.
        times = 1 if "intents" in at else number if at == "event" else number % 8 + 1
        died = self._pair.run_killed(Kill(at=at, number=times), command)
        self._count("killed runs" if died else "runs that ended before the kill")

    @precondition(lambda self: self.idle < 1)
    @rule(is_recorded=st.booleans())
    def run_behind_our_back(self, is_recorded: bool) -> None:
        self._pair.run_by_hand()
        self._count("runs of plain dbt in our warehouse")
        if is_recorded:
            self._pair.record()
            self._count("records of runs of plain dbt")

    def teardown(self) -> None:
        """End every history that found nothing with a whole build of a project that works."""
        try:
            if self.pair is not None and not self.is_over:
                self._mend()
        finally:
            self.stack.close()

    def _mend(self) -> None:
        for path, number in (("models/customer_totals.sql", 0), ("models/order_shares.sql", 1)):
            self._pair.write(path, VERSIONS[path][number])
        self._pair.execute("delete from raw.orders where cents = 13")
        if self.counts["histories"] % 2 or not self._run_by_dbt("build"):
            self._run("build")

    def _run(self, command: str) -> None:
        with self._difference_kept():
            succeeded = self._pair.run(command, *self._options, env=self._environment)
        self._count(f"{'compared' if succeeded else 'failed'} runs")

    def _run_by_dbt(self, command: str) -> bool:
        """Select, run plain dbt, record and plan; where nothing is left to do the warehouses must be equal.

        Returns whether they were compared.
        """
        with self._difference_kept():
            succeeded = self._pair.run_by_dbt(command, *self._options, env=self._environment)
            self._pair.record(*self._options, env=self._environment)
            is_done = succeeded and self._pair.compare_if_done(command, *self._options, env=self._environment)
        self._count(f"{'compared' if is_done else 'unfinished' if succeeded else 'failed'} runs by dbt, recorded")
        return is_done

    @contextmanager
    def _difference_kept(self) -> Iterator[None]:
        self.is_over = True  # until it turns out that nothing differs
        try:
            yield
        except Difference as difference:
            self.found.append(str(difference))
            raise
        self.is_over = False

    @property
    def _options(self) -> tuple[str, ...]:
        return "--target", self.target, *self.variables

    @property
    def _environment(self) -> dict[str, str]:
        return {"TWIN_LABEL": self.label}

    @property
    def _pair(self) -> Pair:
        assert self.pair is not None
        return self.pair

    def _count(self, what: str) -> None:
        self.idle = self.idle + 1 if "run" in what else 0
        self.counts[what] = self.counts.get(what, 0) + 1


def run_histories(
    server: Server,
    *,
    counts: dict[str, int],
    bug: str = "",
    histories: int,
    length: int,
    end: float = float("inf"),
) -> None:
    """Run so many histories, none of which begins after `end` (by time.monotonic()), and count what is done.

    Raises Difference, with all that was done before.

    The same numbers give the same histories where no `SIZE_VARIABLE` asks for more.
    """
    found: list[str] = []
    where = {"server": server, "bug": bug, "counts": counts, "found": found, "end": end}
    run = partial(
        run_state_machine_as_test,
        type("History", (History,), where),
        settings=settings(
            max_examples=histories,
            stateful_step_count=length,
            derandomize=SIZE_VARIABLE not in os.environ,
            database=None,
            deadline=None,
            phases=(Phase.generate,),  # a history takes its time: what was done is printed, not made shorter
            suppress_health_check=list(HealthCheck),
            verbosity=Verbosity.normal,
        ),
    )
    try:
        run()
    except TimeIsUp:
        return
    except Exception:
        if found:  # however the second run ended
            raise Difference(found[0]) from None
        raise


def run_as_many_as_asked(server: Server) -> dict[str, int]:
    """Run the histories that `SIZE_VARIABLE` asks for, a number of them or seconds as in `600s`; return the counts."""
    asked = os.environ.get(SIZE_VARIABLE, "")
    counts: dict[str, int] = {}
    end = time.monotonic() + float(asked[:-1]) if asked.endswith("s") else float("inf")
    most = _ENDLESS if asked.endswith("s") else int(asked or DEFAULT_HISTORIES)
    length = FULL_STEPS if asked else DEFAULT_STEPS
    while counts.get("histories", 0) < most and time.monotonic() < end:
        number = min(_AT_ONCE, most - counts.get("histories", 0))
        run_histories(server, counts=counts, histories=number, length=length, end=end)
    return counts
