"""Fixed settings of our own sessions.

What is compared with recorded text must not be written differently because one of these has changed.
"""

from __future__ import annotations

_OWN = {
    "extra_float_digits": "1",
    "bytea_output": "hex",
    "transform_null_equals": "off",
    "quote_all_identifiers": "off",
}
_SET = ", ".join(f"pg_catalog.set_config('{name}', '{value}', <is local>)" for name, value in _OWN.items())

# Items of a SELECT list: for the session, and for the open transaction.
FOR_SESSION, FOR_TRANSACTION = _SET.replace("<is local>", "false"), _SET.replace("<is local>", "true")
# Statements that give the open transaction what a session begins with.
AS_OTHERS = "; ".join(f"SET LOCAL {name} TO DEFAULT" for name in _OWN)
