"""Settings for connecting and secrets, which definitions leave out."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

_SECRET_WORDS = frozenset(
    "password passwd pwd pass passphrase secret secrets token tokens credential credentials creds auth authorization "
    "cookie cert certificate pem pat oauth oauth2 jwt bearer signature salt apikey accesskey privatekey".split()
)
_SECRET_PHRASES = re.compile(
    r"(^|_)(api|access|private|account|ssh|ssl|encryption|master|shared|signing|service|app|consumer|sas|license|gpg)"
    r"_key(_|$)|^key$"
)
_CONNECTION_WORDS = frozenset(
    "host hostname hosts port user username login dsn url uri socket ssl sslmode ssh tls tunnel proxy connection "
    "sqlalchemy".split()
)
_CONNECTION_NAMES = frozenset("database dbname db account server endpoint role warehouse".split())
_USER_INFO = re.compile(r"(?<=://)[^/\s@]*@")
_REFERENCE = re.compile(r"\$(?:\{(?P<curly>\w+)\}|(?P<normal>[A-Za-z_]\w*))")
_TURNS = re.compile(r"(?<=[a-z0-9])(?=[A-Z])")


def is_secret(name: str) -> bool:
    """Return whether a setting or variable of this name holds a secret."""
    snake = _snake(name)
    return bool(_SECRET_WORDS & set(snake.split("_")) or _SECRET_PHRASES.search(snake))


def is_left_out(name: str) -> bool:
    """Return whether a setting (dotted when nested) is a secret or says how to connect."""
    segments = [_snake(segment) for segment in name.split(".")]
    return any(
        is_secret(segment) or segment in _CONNECTION_NAMES or bool(_CONNECTION_WORDS & set(segment.split("_")))
        for segment in segments
    )


def declared_secrets(settings: Any) -> frozenset[str]:
    """Return the names and aliases of the settings that a definition marks as sensitive."""
    names: set[str] = set()
    for setting in settings if isinstance(settings, list) else []:
        if isinstance(setting, Mapping) and (setting.get("sensitive") or setting.get("kind") in ("password", "oauth")):
            names.update(str(name) for name in (setting.get("name"), *(setting.get("aliases") or ())))
    return frozenset(names)


def without_secrets(value: Any, environ: Mapping[str, str]) -> Any:
    """Return a value with its references to variables replaced and the user part of addresses taken out.

    A reference to a variable whose name says that it is a secret stays a reference: its value is never looked at.
    """
    if isinstance(value, Mapping):
        return {
            str(key): without_secrets(item, environ)
            for key, item in sorted(value.items(), key=lambda pair: str(pair[0]))
        }
    if isinstance(value, (list, tuple)):
        return [without_secrets(item, environ) for item in value]
    if not isinstance(value, str):
        return value

    def replaced(match: re.Match[str]) -> str:
        name = match["curly"] or match["normal"]
        return match[0] if is_left_out(name) else environ.get(name, "")

    return without_user(_REFERENCE.sub(replaced, value))


def without_user(text: str) -> str:
    """Return a text without the user and password of the addresses in it."""
    return _USER_INFO.sub("", text)


def _snake(name: str) -> str:
    return re.sub(r"\W+", "_", _TURNS.sub("_", name)).lower().strip("_")
