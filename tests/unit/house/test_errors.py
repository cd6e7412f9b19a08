"""Words of each error, and its exit code."""

from __future__ import annotations

import pickle

import pytest

from dbt_state_plugin import errors


@pytest.mark.parametrize(
    "kind",
    [
        errors.UsageError,
        errors.ConfigurationError,
        errors.ProjectError,
        errors.SelectionError,
        errors.StateError,
        errors.LockLostError,
        errors.NotFoundError,
        errors.EngineError,
    ],
)
def test_errors_end_with_2(kind: type[errors.PluginError]) -> None:
    assert kind("This happened.", "Do that.").exit_code == errors.EXIT_ERROR == 2


def test_a_busy_environment_ends_with_3() -> None:
    assert errors.BusyError("Busy.", "Wait.").exit_code == errors.EXIT_BUSY == 3


@pytest.mark.parametrize(("number", "code"), [(1, 129), (2, 130), (15, 143)])
def test_a_signal_ends_with_128_and_its_number(number: int, code: int) -> None:
    error = errors.InterruptedRun("Stopped.", "Run again.", signal_number=number)

    assert (error.exit_code, error.signal_number) == (code, number)


def test_an_error_is_a_line_of_what_happened_and_a_line_of_what_to_do() -> None:
    error = errors.UsageError("This happened.", "Do that.")

    assert str(error).splitlines() == [error.what, error.do] == ["This happened.", "Do that."]


def test_an_error_survives_a_process_boundary() -> None:
    error = pickle.loads(pickle.dumps(errors.StateError("This happened.", "Do that.")))

    assert (error.what, error.do) == ("This happened.", "Do that.")


def test_the_nearest_word_is_what_was_meant() -> None:
    assert errors.did_you_mean("ordres", ["report", "orders"]) == "Did you mean orders? "
    assert errors.did_you_mean("Full-Refresh", ["run", "full_refresh"]) == "Did you mean full_refresh? "
    assert errors.did_you_mean("xyzzy", ["orders"]) == ""
