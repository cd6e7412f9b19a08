"""Command blocks of README and manual, run and compared."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
import run_examples
from run_examples import Shop, blocks, opened_shop, pages, run, settled
from support import forkserver

# Blocks that cannot run here; each says why above it.
NOT_RUN = 14
PAGES = [page.name for page in pages()]


@pytest.fixture(scope="module")
def shop() -> Iterator[Shop]:
    with opened_shop(forkserver.programs()) as shop:
        yield shop


@pytest.mark.parametrize("page", pages(), ids=PAGES)
def test_each_block_prints_what_stands_there(page: run_examples.Path, shop: Shop) -> None:
    wanted = [block for block in blocks(page) if not block.not_run]
    if wanted:
        shop.begin_page()

    for block in wanted:
        assert settled(run(shop, block)) == settled(block.text), f"block {block.number} of {page.name}"


def test_blocks_that_cannot_run_are_few_and_say_why() -> None:
    reasons = [block.not_run for page in pages() for block in blocks(page) if block.not_run]

    assert len(reasons) == NOT_RUN, reasons
    assert all(len(reason.split()) > 3 for reason in reasons)
