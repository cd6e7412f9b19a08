"""dbt's events and results as plain values."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from dbt_state_plugin.core.values.colours import without_colours
from dbt_state_plugin.core.values.reads import RenderedReads
from dbt_state_plugin.core.values.results import NodeOutcome
from dbt_state_plugin.dbt_runner.messages import say


def notice_finished(
    event: Any, on_finished: Callable[[NodeOutcome], None], reads: Callable[[str], RenderedReads | None]
) -> None:
    """Pass on how a node ended and what it read; whatever `on_finished` raises is swallowed."""
    if event.info.name != "NodeFinished":
        return
    try:
        result = event.data.run_result
        response = dict(result.adapter_response)
        on_finished(
            NodeOutcome(
                unique_id=event.data.node_info.unique_id,
                status=str(event.data.node_info.node_status).lower(),
                message=without_colours(str(result.message or "")),
                rows_affected=rows_affected(response, event.data.node_info.unique_id),
                duration_ms=round(float(result.execution_time) * 1000),
                reads=reads(event.data.node_info.unique_id),
            )
        )
    except Exception as error:  # never into dbt: see `execute`
        say(f"dbt-state-plugin: a node could not be recorded ({type(error).__name__}); the next run builds it again.")


def notice_executing(event: Any, refusal: Callable[[], str], on_executing: Callable[[str], None]) -> None:
    """Tell which node is executed now, and let it fail before it writes anything where `refusal` says why."""
    if event.info.name != "NodeExecuting":
        return
    on_executing(event.data.node_info.unique_id)
    if problem := refusal():
        from dbt_common.exceptions import DbtRuntimeError

        raise DbtRuntimeError(problem)  # here, unlike at NodeStart, dbt takes it for a failure of the node


def outcome_of(result: Any) -> NodeOutcome:
    """Return one of dbt's results as a plain value."""
    unique_id = result.node.unique_id if getattr(result, "node", None) is not None else result.unique_id
    return NodeOutcome(
        unique_id=unique_id,
        status=str(getattr(result.status, "value", result.status)).lower(),
        message=without_colours(str(result.message or "")),
        rows_affected=rows_affected(result.adapter_response or {}, unique_id),
        duration_ms=round(float(result.execution_time or 0) * 1000),
    )


def rows_affected(response: Mapping[str, Any], unique_id: str) -> int | None:
    """Return how many rows a node has written; a test writes none, whatever its query returned."""
    rows = response.get("rows_affected")
    is_test = unique_id.startswith(("test.", "unit_test."))
    return int(rows) if isinstance(rows, (int, float)) and rows >= 0 and not is_test else None


def one_line(error: BaseException | None) -> str:
    """Return dbt's message on one line."""
    text = without_colours(str(error)) if error is not None else "no message"
    return " ".join(text.split()) or type(error).__name__
