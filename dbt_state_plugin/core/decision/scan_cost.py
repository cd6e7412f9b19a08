"""Cost of a scan of rows, estimated from earlier scans."""

from __future__ import annotations

from dataclasses import dataclass

# Milliseconds for a row of ten columns on a busy machine. It weighs as much as so many rows that were seen.
_ASSUMED_MS, _ASSUMED_ROWS = 0.003, 20_000
_A_SET = 0.25  # what each set of columns adds to the scan of whole rows


@dataclass(frozen=True, slots=True, kw_only=True)
class ScanCost:
    """Milliseconds for a row; `rows` are those that were scanned, weighed by the sets of columns, in `ms`."""

    rows: float = 0.0
    ms: float = 0.0

    def of(self, rows: int, sets: int) -> float:
        """Return how many milliseconds a scan of so many rows is expected to take, with so many sets of columns."""
        a_row = (_ASSUMED_ROWS * _ASSUMED_MS + self.ms) / (_ASSUMED_ROWS + self.rows)
        return a_row * _weighed(rows, sets)

    def after(self, rows: int, sets: int, ms: float) -> ScanCost:
        """Return the cost with what one more scan has shown."""
        return ScanCost(rows=self.rows + _weighed(rows, sets), ms=self.ms + ms)


def _weighed(rows: int, sets: int) -> float:
    return rows * (1 + sets * _A_SET)
