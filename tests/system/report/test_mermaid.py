"""Mermaid pictures, taken by Mermaid itself in a browser."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from support.browser import Browser, started_browser
from support.mermaid import mermaid_script
from support.overviews import large_overview, small_overview

from dbt_state_plugin.report.markdown.graph import MOST_NODES, GraphNode, flowchart
from dbt_state_plugin.report.markdown.plan import plan_markdown
from dbt_state_plugin.report.states import STATES

pytestmark = [pytest.mark.browser, pytest.mark.mermaid]
EVIL = [
    'a"b',
    "end",
    "1. one",
    "- two",
    "`three`",
    "#35; #quot; &amp;",
    "</div><img src=x onerror=alert(1)>",
    "a]-->b",
    "%%{init: {'theme':'dark'}}%%",
    "graph subgraph click style class",
    "Größe 价格",
    "__x__ **y**",
    "\\n",
    "$$x$$",
]


@pytest.fixture(scope="module")
def mermaid(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    page: Path = tmp_path_factory.mktemp("mermaid") / "page.html"
    script = mermaid_script()
    assert script is not None
    page.write_text(f'<meta charset="utf-8"><body><script src="{script.as_uri()}"></script></body>', encoding="utf-8")
    with started_browser() as browser:
        browser.driver.get(page.as_uri())
        browser.script("mermaid.initialize({startOnLoad: false, securityLevel: 'strict'})")
        yield browser


def drawn(browser: Browser, text: str) -> list[str]:
    """Let Mermaid parse and draw a text, and return the labels of the nodes in the picture; fails where it refuses."""
    answer = browser.driver.execute_async_script(
        "const [text, done] = arguments;"
        "mermaid.parse(text).then(() => mermaid.render('picture', text)).then(({ svg }) => {"
        "  document.body.insertAdjacentHTML('beforeend', `<div id='drawn'>${svg}</div>`);"
        "  const labels = [...document.querySelectorAll('#drawn .nodeLabel')].map((each) => each.textContent);"
        "  document.getElementById('drawn').remove();"
        "  done({ labels });"
        "}, (error) => done({ error: String(error) }));",
        text,
    )
    assert "error" not in answer, f"{answer['error']}\n{text}"
    return list(answer["labels"])


def test_it_refuses_what_is_no_picture(mermaid: Browser) -> None:
    with pytest.raises(AssertionError, match="Parse error"):
        drawn(mermaid, 'flowchart LR\n  n0["a"b"]')


def test_names_are_shown_as_they_are(mermaid: Browser) -> None:
    nodes = [
        GraphNode(unique_id=name, name=name, state="new", parents=tuple(EVIL[:place]))
        for place, name in enumerate(EVIL)
    ]
    graph = flowchart(nodes, {})
    assert graph is not None

    assert drawn(mermaid, graph.text) == [f"{name} (new)" for name in EVIL]
    assert mermaid.driver.find_elements("css selector", "img") == []


def test_each_state_is_drawn(mermaid: Browser) -> None:
    states = [key for key in STATES if key not in ("source", "inlined")]
    graph = flowchart([GraphNode(unique_id=key, name=key, state=key) for key in states], {})
    assert graph is not None

    assert drawn(mermaid, graph.text) == [f"{key} ({STATES[key].label})" for key in states]


def test_the_pictures_of_a_small_and_a_large_plan_are_drawn(mermaid: Browser) -> None:
    for found in (small_overview(), large_overview(2000)):
        text = plan_markdown(found.plan, found.project, found.texts)
        (picture,) = re.findall(r"```mermaid\n(.*?)\n```", text, flags=re.DOTALL)

        assert 0 < len(drawn(mermaid, picture)) <= MOST_NODES
