"""Names of models that break careless code."""

from __future__ import annotations

import keyword
import unicodedata

_SIGNS = "!#$%&'()*+,-;<=>?@[]^_`}|~ :\\"
_WORDS = "select from table user order group where true default primary all analyse end do current_date".split()
_WITHOUT_SPACES = r"""
    --select --exclude -s -- - --full-refresh +all all+ @all 1+all+1 * all* ?ll tag:all path:models result:error
    state:modified source:x config.materialized:view fqn:all a,b a;b a--b a'b a''b o'rder $(id) `id` ${HOME} %s %(x)s %%
    100% } {0} {x} \ \n a\b \x41 a&b a|b a>b a<b ! !a ^a a$b $1 $$ $a$ E'a' U&'a' ::text a::int ? :x a.b a.b.c
    a.sql a.v2 model.shop.x shop dbt_state_plugin public pg_class 0 1 007 1e9 -1 null None NaN inf __init__ __dict__
    self this model grün 日本 אב
""".split()
_OTHERS = (
    *("a b", "a  b", "a;drop table x", "ta\tb", "new\nline", "cr\rx", "bell\x07", "red\x1b[31m", "csi\x9b31m"),
    *("osc\x1b]0;x", "del\x7f", "nbsp\xa0x", "rtl\u202eabc", "zwj\u200dx", "zwsp\u200bx", "bom\ufeffx", "ls\u2028x"),
    *("\ufb01", "\U0001f600", "\uff46\uff55\uff4c\uff4c", "\u0131", "\u017f", "\xdf", "\u03a9mega", "\u0627\u0644"),
    *("n" * 63, "\xfc" * 31, "\U0001f600" * 15),
)


def hostile_names(count: int = 200) -> list[str]:
    """Return so many names, no two of which are one relation by letter case."""
    # PostgreSQL takes the two forms for two names, and so must everything else.
    pairs = [unicodedata.normalize(form, name) for name in ("café", "ångström", "ñandú") for form in ("NFC", "NFD")]
    signs = [f"a{sign}{number}" for number, sign in enumerate(_SIGNS)]
    more = [f"{sign}x{number}" for number, sign in enumerate(_SIGNS) if sign not in " #~"]  # dbt leaves such files out
    names: dict[str, str] = {}
    for name in (*pairs, *_WITHOUT_SPACES, *_OTHERS, *signs, *more, *_WORDS, *sorted(keyword.kwlist)):
        if "{" not in name:  # of which dbt makes Jinja
            names.setdefault(name.lower(), name)
    assert len(names) >= count, len(names)
    return list(names.values())[:count]
