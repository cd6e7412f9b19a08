"""What Python models read beside what dbt hands them."""

from __future__ import annotations

import pytest

from dbt_state_plugin.core.fingerprint.python_reads import python_reads

MODEL = "def model(dbt, session):\n"
COMPUTES = '''
"""Rows from raw orders, as pandas reads them."""
from __future__ import annotations
import pandas as pd
from pyspark.sql import functions as F

def doubled(frame):
    """Double what comes from a frame."""
    return frame.assign(amount=frame["amount"] * 2)

def model(dbt, session):
    dbt.config(materialized="table")
    if dbt.is_incremental:
        return dbt.ref("stg").df()
    return doubled(pd.concat([dbt.ref("stg").df(), dbt.source("raw", "orders").df()])).query("amount > 1")
'''


def test_what_only_computes_reads_nothing_else() -> None:
    assert python_reads(COMPUTES) == ()


@pytest.mark.parametrize(
    ("code", "read"),
    [
        (MODEL + "    return session.sql('select 1')", ("session", "sql()")),
        ("def model(dbt, con):\n    return con.x", ("session",)),
        ("def model(dbt, session, more):\n    return helper(session)", ("session",)),
        ("model = 1\nprint(session)", ("session",)),
        (MODEL + "    return dbt.ref('x').filter('id in (select id FROM raw.orders)')", ("SQL in a text",)),
        ("import pandas\n" + MODEL + "    return pandas.read_csv('x.csv')", ("read_csv()",)),
        ("from pandas import read_csv, concat\n" + MODEL + "    pass", ("read_csv()",)),
        ("import requests, json\n" + MODEL + "    pass", ("requests",)),
        ("from os.path import join\n" + MODEL + "    pass", ("os.path",)),
        ("from . import helpers\n" + MODEL + "    pass", (".",)),
        ("from .helpers import more\n" + MODEL + "    pass", (".helpers",)),
        ("from datetime import datetime\n" + MODEL + "    return datetime.now()", ("now()",)),
        ("import numpy as np\n" + MODEL + "    return np.random.rand(3)", ("rand()", "random()")),
        (MODEL + "    return dbt.ref('x').df().sample(3)", ("sample()",)),
        (MODEL + "    return open('x').read()", ("open()", "read()")),
        (MODEL + "    return eval('1')", ("eval()",)),
        (MODEL + "  return 1\n return 2", ("what cannot be told: its Python cannot be parsed",)),
    ],
)
def test_what_may_differ_on_every_run_is_named(code: str, read: tuple[str, ...]) -> None:
    assert python_reads(code) == read
