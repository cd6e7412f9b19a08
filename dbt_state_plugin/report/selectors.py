"""A plan as a selectors.yml."""

from __future__ import annotations

from collections.abc import Iterable

from dbt_state_plugin.report.selection import NOTHING, Named

SELECTOR_NAME = "dbt_state_plugin"


def selectors_yaml(named: Iterable[Named]) -> str:
    """Return the text of a `selectors.yml`; when nothing is to be built, its selector matches nothing."""
    import yaml

    selectors = [item.selector for item in named] or [NOTHING]
    union = [{"method": "fqn", "value": selector, "indirect_selection": "empty"} for selector in selectors]
    document = {
        "selectors": [
            {"name": SELECTOR_NAME, "description": "What dbt-state-plugin would build", "definition": {"union": union}}
        ]
    }
    text: str = yaml.safe_dump(document, sort_keys=False, allow_unicode=True)
    return text
