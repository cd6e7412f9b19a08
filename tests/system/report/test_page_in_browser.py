"""The report in a real browser, by mouse, keyboard and paper."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path

import pytest
from support.browser import Browser, started_browser
from support.overviews import CHANGED, entry, large_overview, overview, small_overview
from support.values import node

from dbt_state_plugin.report.html.page import page

pytestmark = pytest.mark.browser
EVIL = '</script><img src=x onerror="document.title=1">'


@pytest.fixture(scope="module")
def browser() -> Iterator[Browser]:
    with started_browser() as started:
        yield started


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory, page(small_overview()))


@pytest.fixture(scope="module")
def large(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return written(tmp_path_factory, page(large_overview(2000)))


def written(folders: pytest.TempPathFactory, text: str) -> Path:
    file = folders.mktemp("report") / "report.html"
    file.write_text(text, encoding="utf-8")
    return file


def canvas_colours(browser: Browser) -> int:
    """Return how many colours the drawn graph has: one where nothing is drawn."""
    return int(
        browser.script(
            "const found = new Set();"
            "for (const canvas of document.querySelectorAll('#graph canvas')) {"
            "  const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;"
            "  for (let at = 0; at < pixels.length; at += 4)"
            "    if (pixels[at + 3]) found.add(pixels.slice(at, at + 3).join());"
            "}"
            "return found.size;"
        )
    )


def shown_rows(browser: Browser) -> list[str]:
    names = browser.script(
        "return [...document.querySelectorAll('#nodes tbody tr')].filter((row) => !row.hidden)"
        ".map((row) => row.querySelector('.name').textContent);"
    )
    return list(names)


def test_it_is_drawn_without_a_complaint(browser: Browser, small: Path) -> None:
    browser.open(small)

    assert browser.texts("h1") == ["Plan: 2 new, 1 changed, 1 downstream, 2 repaired, 1 unchanged"]
    browser.wait(lambda: canvas_colours(browser) > 5, "the graph is drawn")
    assert browser.complaints() == []


def test_a_click_on_a_name_shows_reasons_inputs_difference_and_history(browser: Browser, small: Path) -> None:
    browser.open(small)

    browser.script(
        "[...document.querySelectorAll('#nodes .name')].find((each) => each.textContent === 'orders').click()"
    )

    (details,) = browser.texts("#details")
    assert "upstream: stg_orders is built" in details
    assert "First cause, on the way up" in details
    assert "Read by" in details
    assert "History" in details
    browser.script(
        "const links = [...document.querySelectorAll('#details .links button')];"
        "links.find((each) => each.textContent === 'stg_orders').click();"
    )
    (details,) = browser.texts("#details")
    assert "+select 2" in details
    assert browser.complaints() == []


def test_a_click_into_the_graph_shows_the_node_that_is_there(browser: Browser, small: Path) -> None:
    from selenium.webdriver import ActionChains

    browser.open(small)
    graph = browser.driver.find_element("css selector", "#graph")
    browser.driver.execute_script("arguments[0].scrollIntoView({block: 'center', behavior: 'instant'})", graph)
    width, height = graph.size["width"], graph.size["height"]
    hit = []
    for x in range(-width // 2 + 20, width // 2 - 20, 40):
        for y in range(-height // 2 + 20, height // 2 - 20, 24):
            ActionChains(browser.driver, duration=0).move_to_element_with_offset(graph, x, y).perform()
            if graph.get_attribute("title"):
                hit = [x, y]
                break
        if hit:
            break
    named = graph.get_attribute("title")
    ActionChains(browser.driver, duration=0).move_to_element_with_offset(graph, *hit).click().perform()

    browser.wait(lambda: bool(browser.texts("#details")), "details are shown")
    assert str(named).split(".")[-1] in browser.texts("#details h2")[0]


def test_filters_leave_what_fits(browser: Browser, small: Path) -> None:
    browser.open(small)
    everything = shown_rows(browser)

    browser.type("#filter", "marts upstream")
    assert shown_rows(browser) == ["orders"]
    assert browser.texts("#shown") == [f"1 of {len(everything)} nodes"]

    browser.click("#clear")
    browser.click(".tile[data-state='missing']")
    browser.click(".tile[data-state='changed']")
    assert shown_rows(browser) == ["lost", "stg_orders"]

    browser.click("#clear")
    browser.script(
        "const kind = document.getElementById('kind'); kind.value = 'test'; kind.dispatchEvent(new Event('change'))"
    )
    assert shown_rows(browser) == ["unique_orders.1a2b"]


def test_a_click_on_a_heading_sorts(browser: Browser, small: Path) -> None:
    browser.open(small)

    browser.click("#nodes th:nth-child(2)")
    up = shown_rows(browser)
    browser.click("#nodes th:nth-child(2)")

    assert up == sorted(up)
    assert shown_rows(browser) == up[::-1]


def test_it_is_used_by_keyboard(browser: Browser, small: Path) -> None:
    browser.open(small)
    body = browser.driver.find_element("css selector", "body")

    body.send_keys("/")
    browser.driver.switch_to.active_element.send_keys("orders\n")
    assert browser.texts("#details h2") == ["orders"]

    browser.driver.switch_to.active_element.send_keys("\ue00c")  # Escape leaves the field
    body.send_keys("\ue00c")  # and closes the details
    assert browser.texts("#details") == []
    body.send_keys("f")
    assert browser.driver.switch_to.active_element.get_attribute("id") == "filter"


def test_the_theme_is_that_of_the_system_or_the_one_that_is_chosen(browser: Browser, small: Path) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    browser.open(small)
    light = browser.script(background)
    dark_system = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", dark_system)
    dark = browser.script(background)
    browser.click("#theme")
    chosen_light = browser.script(background)
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"features": []})
    browser.click("#theme")
    chosen_dark = browser.script(background)
    browser.click("#theme")

    assert (chosen_light, chosen_dark) == (light, dark)
    assert light != dark
    assert browser.complaints() == []


def test_a_link_to_a_node_opens_it(browser: Browser, small: Path) -> None:
    browser.open(small, "#node=model.shop.lost")

    assert browser.texts("#details h2") == ["lost"]


def test_folders_fold_and_unfold(browser: Browser, large: Path) -> None:
    browser.open(large)
    if browser.script("return document.getElementById('only-due').checked"):
        browser.click("#only-due")
    folded = browser.script(
        "return [...document.querySelectorAll('#folder-list input')].filter((each) => !each.checked).length"
    )
    browser.click("#folders summary")
    browser.click("#unfold")
    unfolded = browser.script(
        "return [...document.querySelectorAll('#folder-list input')].filter((each) => !each.checked).length"
    )
    browser.click("#fold")

    assert folded > 50
    assert unfolded == 0
    assert (
        browser.script("return [...document.querySelectorAll('#folder-list input')].some((each) => each.checked)")
        is False
    )
    assert browser.complaints() == []


def test_two_thousand_nodes_open_at_once(
    browser: Browser, large: Path, record_property: Callable[[str, object], None]
) -> None:
    browser.open(large)
    painted, drawn = (
        browser.first_paint_ms(),
        browser.script("return performance.getEntriesByName('drawn')[0].startTime"),
    )

    record_property(
        "measured", f"2,000 nodes in Chromium: first paint after {painted:.0f} ms, lineage drawn after {drawn:.0f} ms"
    )
    assert len(shown_rows(browser)) == 2040
    assert painted <= drawn
    assert browser.complaints() == []


def test_what_users_name_runs_nowhere(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    odd = node("model.shop.odd", name=EVIL, path=f"models/{EVIL}/odd.sql", materialized=EVIL)
    reader = node("model.shop.reader", ["model.shop.odd"])

    browser.open(written(tmp_path_factory, page(overview(entry(odd, CHANGED), entry(reader)))), "#node=model.shop.odd")

    assert browser.texts("#details h2") == [EVIL]
    assert browser.driver.find_elements("css selector", "img[src]") == []
    assert browser.complaints() == []


def test_without_scripts_the_tables_are_read(small: Path) -> None:
    with started_browser(with_scripts=False) as browser:
        browser.driver.get(small.as_uri())
        text = browser.driver.find_element("css selector", "body").text

        for told in ("upstream: stg_orders is built", "+select 2", "Slowest", "Most often rebuilt"):
            assert told in text
        assert "Find a node" not in text
        assert browser.texts("#lineage") == []


def test_on_paper_it_has_the_tables_and_the_lineage(browser: Browser, small: Path) -> None:
    browser.open(small, "#node=model.shop.orders")
    browser.script(
        "window.printed = {};"
        "matchMedia('print').addEventListener('change', ({ matches }) => {"
        "  if (!matches) return;"
        "  const shown = (id) => getComputedStyle(document.getElementById(id)).display !== 'none';"
        "  for (const id of ['printed', 'graph', 'details', 'nodes', 'theme']) printed[id] = shown(id);"
        "  printed.width = document.getElementById('printed').naturalWidth;"
        "});"
    )

    printed = browser.driver.execute_cdp_cmd("Page.printToPDF", {"printBackground": True})

    seen = browser.script("return window.printed")
    assert {name: seen[name] for name in ("printed", "graph", "details", "nodes", "theme")} == {
        "printed": True,
        "graph": False,
        "details": False,
        "nodes": True,
        "theme": False,
    }
    assert len(printed["data"]) > 10_000
    assert browser.script("return document.documentElement.dataset.theme ?? 'auto'") == "auto"
    assert browser.complaints() == []


def test_on_paper_a_long_list_has_what_is_due_or_what_the_filters_leave(browser: Browser, large: Path) -> None:
    browser.open(large)
    rows = "return [...document.querySelectorAll('#nodes tr[data-state]')].filter(row => row.offsetParent !== null)"
    browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": "print"})
    try:
        states = browser.script(f"{rows}.map(row => row.dataset.state)")
        noted = browser.texts(".on-paper")
        browser.script("document.querySelector('.tile[data-state=skipped]').click()")
        filtered = browser.script(f"{rows}.map(row => row.dataset.state)")
    finally:
        browser.driver.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": ""})

    assert {"new", "changed", "downstream"} < set(states)
    assert "skipped" not in states
    assert noted == ["Skipped nodes are not printed. In a browser, filter the list for what is to be on paper."]
    assert set(filtered) == {"skipped"}
    assert browser.texts(".on-paper") == []


def test_what_to_do_with_the_graph_is_told_below_it(browser: Browser, large: Path) -> None:
    browser.open(large)

    bottom, top = browser.script(
        "return [graph.getBoundingClientRect().bottom, document.getElementById('hint').getBoundingClientRect().top]"
    )

    assert bottom <= top


def test_an_execution_is_drawn_like_a_plan(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    found = small_overview()
    browser.open(written(tmp_path_factory, page(replace(found, execution=found.executions[0]))))

    assert browser.texts("h1") == ["Failed: 1 of 2 nodes built"]
    assert [text.replace("\n", " ") for text in browser.texts(".tile")][:2] == ["1 ✕ failed", "1 ~ changed"]
    assert browser.complaints() == []
