"""The soak script, for a moment."""

from __future__ import annotations

from faults.soak import soak


def test_one_turn_with_random_faults_survives() -> None:
    survived = soak(0, seed=11)

    assert "1 comparisons that were equal" in survived
    print(survived)
