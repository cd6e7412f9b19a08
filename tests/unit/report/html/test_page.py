"""The report's page: self-contained, escaped, and its libraries."""

from __future__ import annotations

import base64
import hashlib
import json
import re
from html.parser import HTMLParser

import pytest
from support.overviews import CHANGED, entry, execution, overview, result, small_overview
from support.values import node

from dbt_state_plugin.core.values.overview import DifferingText
from dbt_state_plugin.core.values.project import Exposure
from dbt_state_plugin.report.html.page import FOLDER, LICENSES, page, script_json

EVIL = '</script><script>alert(1)</script><img src=x onerror="alert(2)">\'"&'


class Elements(HTMLParser):
    """What a browser makes of a page: its elements with their attributes, and the texts of scripts and styles."""

    def __init__(self, text: str) -> None:
        super().__init__(convert_charrefs=True)
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.inline: list[tuple[str, str]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))
        if tag in ("script", "style"):
            self.inline.append((tag, ""))

    def handle_data(self, data: str) -> None:
        if self.elements and self.elements[-1][0] in ("script", "style") and self.cdata_elem:
            tag, text = self.inline[-1]
            self.inline[-1] = (tag, text + data)


@pytest.fixture(scope="module")
def small() -> str:
    return page(small_overview())


def evil_page() -> str:
    odd = node("model.shop.odd", name=EVIL, path=f"models/{EVIL}/odd.sql", materialized=EVIL)
    reason = {"kind": "body", "detail": EVIL}
    ran = execution(1, result(odd.unique_id, "error", reason, message=EVIL), message=EVIL, command=EVIL)
    return page(
        overview(
            entry(odd, CHANGED),
            executions=(ran,),
            results={ran.execution_id: ran.results},
            exposures=(
                Exposure(unique_id="exposure.shop.e", name=EVIL, kind=EVIL, owner=EVIL, url="javascript:alert(3)"),
            ),
            texts={odd.unique_id: (DifferingText(title=EVIL, before=EVIL, now=EVIL + "\n" + EVIL),)},
        )
    )


def test_the_page_asks_for_nothing_else(small: str) -> None:
    asked = [
        value
        for tag, attributes in Elements(small).elements
        for name, value in attributes.items()
        if name in ("src", "href", "srcset", "action", "data", "poster") and value and not value.startswith("#")
    ]

    assert [value for value in asked if not value.startswith("data:image/svg+xml,")] == []
    assert "@import" not in small
    assert not re.search(r"url\((?!#)", re.sub(r"<script>.*?</script>", "", small, flags=re.DOTALL))


def test_the_policy_lets_run_what_the_page_holds_and_nothing_else(small: str) -> None:
    policy = next(
        str(attributes["content"])
        for tag, attributes in Elements(small).elements
        if attributes.get("http-equiv") == "Content-Security-Policy"
    )
    inline = re.findall(r"<(script|style)(?: id=\"__\w+\")?>(.*?)</\1>", small, flags=re.DOTALL)
    digests = {f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'" for _, text in inline}

    assert len(inline) == 4
    assert digests == set(re.findall(r"'sha256-[^']+'", policy))
    assert policy.startswith("default-src 'none';")
    assert "unsafe" not in policy
    assert " style=" not in re.sub(r"<(script|style).*?</\1>", "", small, flags=re.DOTALL)


def test_what_users_name_is_text_wherever_it_stands() -> None:
    parsed = Elements(evil_page())

    assert sum(tag == "script" for tag, _ in parsed.elements) == 4
    assert [tag for tag, attributes in parsed.elements if tag == "img" and "src" in attributes] == []
    assert [attributes for _, attributes in parsed.elements if any(name.startswith("on") for name in attributes)] == []
    data = next(text for tag, text in parsed.inline if tag == "script")
    assert EVIL in {each["name"] for each in json.loads(data)["nodes"]}


def test_json_in_a_script_is_the_same_json_without_what_ends_a_script() -> None:
    value = {"a": "</script><!-- & \u2028\u2029 \ud800", "b": [1, None, True]}

    text = script_json(value)

    assert json.loads(text) == value
    assert not re.search("[<>&\u2028\u2029]", text)
    text.encode()


def test_tables_are_there_without_a_script(small: str) -> None:
    without = re.sub(r"<script.*?</script>", "", small, flags=re.DOTALL)

    for told in ("upstream: stg_orders is built", "select 2", "2026-01-02 05:04", "body (2)", "Saved by skipping"):
        assert told in without


def test_a_project_without_a_state_has_a_page() -> None:
    text = page(overview())

    assert "Plan: nothing to build" in text
    assert 'id="executions"' not in text


def test_an_execution_is_named_with_how_it_ended() -> None:
    ran = execution(7, result("model.shop.orders"), result("model.shop.x", "error"), message="1 of 2 nodes failed")

    text = page(overview(entry(node("model.shop.orders")), execution=ran))

    assert "<h1>Failed: 1 of 2 nodes built</h1>" in text
    assert "1 of 2 nodes failed" in text


def test_nothing_in_it_steers_a_terminal() -> None:
    odd = node("model.shop.odd", name="red\x1b[31m", path="models/new\nline.sql")
    ran = execution(1, result(odd.unique_id, "error", message="\x1b]0;title\x07"), message="\x1b[2J")

    text = page(overview(entry(odd, CHANGED), executions=(ran,), execution=ran))

    assert re.sub("<script>.*?</script>|\n", "", text, flags=re.DOTALL).isprintable()
    assert "red\\x1b[31m" in text


def test_long_differences_are_cut() -> None:
    long = DifferingText(title="code", before="", now="\n".join(f"line {number}" for number in range(1000)))

    text = page(overview(entry(node("model.shop.orders"), CHANGED), texts={"model.shop.orders": (long,)}))

    assert "line 300" in text
    assert "line 900" not in text
    assert "more lines" in text


# As their packages on npm hold them: cytoscape 3.35.0 and @dagrejs/dagre 3.1.3, both MIT. See docs/report.md.
PINNED = {
    "vendor/cytoscape.min.js": "71fa9ebec21a7ca2c40cff6aacc30d1f6464e363662ad4b2c197e1adc770cd94",
    "vendor/cytoscape.LICENSE": "eb319c6e6f233607f71e8e2f450391751883cfc0eeb3ca7ef574c13d1d9c2203",
    "vendor/dagre.min.js": "54a503e346f93ca0bb10abe7999587e037262935687aca45eb4e4b0f64bbb578",
    "vendor/dagre.LICENSE": "6a349742a6cb219d5a2fc8d0844f6d89a6efc62e20c664450d884fc7ff2d6015",
}


@pytest.mark.parametrize("name", PINNED)
def test_the_libraries_inside_are_those_that_were_published(name: str) -> None:
    assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == PINNED[name]


def test_each_library_comes_with_its_licence(small: str) -> None:
    for name, file in LICENSES:
        assert f"<h3>{name}</h3>" in small
        assert "Permission is hereby granted" in (FOLDER / file).read_text(encoding="utf-8")
    assert sorted(path.name for path in (FOLDER / "vendor").iterdir()) == sorted(name.split("/")[1] for name in PINNED)
