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
    "code",
    [
        "    return dbt.ref('x').aggregate('sum(amount) as s, count(*) as n').filter('s > 1 and (n = 2)')",
        "    c = ', '.join(['a', 'b'])\n    return dbt.ref('x').project(c).order('coalesce (a, b)')",
        "    return dbt.ref('x').df().rename(columns={'price(eur)': 'price'})",
    ],
)
def test_expressions_that_only_compute_read_nothing_else(code: str) -> None:
    assert python_reads(MODEL + code) == ()


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
        (MODEL + "    return dbt.ref('x').project('id, net(amount) as net')", ("SQL in a text",)),
        (MODEL + "    return dbt.ref('x').filter(filter_expr='id > least_id(1)')", ("SQL in a text",)),
        (MODEL + "    return dbt.ref('x').project(f'net({1}) as n')", ("SQL in a text",)),
        (MODEL + "    n = 'net(id)'\n    return dbt.ref('x').aggregate(n)", ("SQL in a text",)),
        (MODEL + "    x = dbt.ref('x')\n    return x.order('random ()').limit(1)", ("SQL in a text",)),
        (MODEL + "    return dbt.ref('x').project('*, current_date as d')", ("SQL in a text",)),
        (MODEL + "    return dbt.ref('x').sum('now()')", ("SQL in a text",)),
        ("import pandas as pd\n" + MODEL + "    return pd.Timestamp('now')", ("SQL in a text",)),
        (MODEL + "    return [hash(each) for each in dbt.ref('x').fetchall()]", ("hash()",)),
        ("import pandas as pd\n" + MODEL + "    return getattr(pd, 'read_csv')('x')", ("getattr()",)),
        ("from pyspark.sql import functions as F\n" + MODEL + "    return F.call_udf('net', 1)", ("call_udf()",)),
        (MODEL + "  return 1\n return 2", ("what cannot be told: its Python cannot be parsed",)),
    ],
)
def test_what_may_differ_on_every_run_is_named(code: str, read: tuple[str, ...]) -> None:
    assert python_reads(code) == read
