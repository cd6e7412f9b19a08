"""Addresses, roles and passwords of PostgreSQL servers.

The settings come from a dbt profile or from the variable DBT_STATE_PLUGIN_DATABASE_URL.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, quote, unquote

from dbt_state_plugin.errors import ConfigurationError

DATABASE_URL_VARIABLE = "DBT_STATE_PLUGIN_DATABASE_URL"

MAX_IDENTIFIER_BYTES = 63  # NAMEDATALEN - 1; the server cuts longer names

_REQUIRED = object()


class _UrlError(ValueError):
    """What is wrong with a URL, as the end of a sentence about it that does not show it."""


# The keys of dbt-postgres, each with the type that dbt demands and dbt's default. The order is the order of messages.
_DBT_POSTGRES_KEYS: Mapping[str, tuple[str, Any]] = {
    "host": ("text", _REQUIRED),
    "port": ("number", _REQUIRED),
    "user": ("text", _REQUIRED),
    "password": ("text", _REQUIRED),
    "database": ("text", _REQUIRED),
    "schema": ("text", _REQUIRED),
    "connect_timeout": ("number", 10),
    "role": ("optional text", None),
    "search_path": ("optional text", None),
    "keepalives_idle": ("number", 0),
    "sslmode": ("optional text", None),
    "sslcert": ("optional text", None),
    "sslkey": ("optional text", None),
    "sslrootcert": ("optional text", None),
    "application_name": ("optional text", "dbt"),
    "autocommit": ("optional flag", False),
    "retries": ("number", 1),
}
_DBT_ALIASES: Mapping[str, str] = {"dbname": "database", "pass": "password"}
# libpq parameters that are fields of their own; every other one is kept in `extra`.
_TEXT_PARAMETERS = (
    "host",
    "user",
    "password",
    "dbname",
    "sslmode",
    "sslcert",
    "sslkey",
    "sslrootcert",
    "application_name",
)
_NUMBER_PARAMETERS = ("port", "connect_timeout", "keepalives_idle")


@dataclass(frozen=True, slots=True, kw_only=True)
class DatabaseSettings:
    """Everything psycopg2 needs to connect; None leaves a setting to libpq, its environment and its files.

    `connect_timeout` and `keepalives_idle` are seconds. `role` is not a connection parameter: run SET ROLE.
    """

    host: str | None = None
    port: int | None = None
    user: str | None = None
    password: str | None = field(default=None, repr=False)
    dbname: str | None = None
    connect_timeout: int | None = None
    keepalives_idle: int | None = None
    sslmode: str | None = None
    sslcert: str | None = None
    sslkey: str | None = None
    sslrootcert: str | None = None
    application_name: str | None = None
    search_path: str | None = None
    role: str | None = None
    retries: int = 1
    extra: tuple[tuple[str, str], ...] = field(default=(), repr=False)  # may hold `sslpassword`

    @classmethod
    def from_url(cls, url: str, *, named: str = f"value of {DATABASE_URL_VARIABLE}") -> DatabaseSettings:
        """Read a libpq URI, a libpq `key=value` string or SQLAlchemy's form of a PostgreSQL URL.

        `named` is what messages call it. Raises ConfigurationError, which never shows the URL, since it may hold a
        password.
        """
        try:
            return cls._from_url(url)
        except _UrlError as error:
            raise ConfigurationError(
                f"The {named} {error}.",
                "Write postgresql://user:password@host:5432/dbname, special characters percent-encoded "
                "(@ is %40, / is %2F).",
            ) from None

    @classmethod
    def _from_url(cls, url: str) -> DatabaseSettings:
        parameters = _parse_url(url)
        extra = dict(parameters)
        known: dict[str, Any] = {name: extra.pop(name) for name in _TEXT_PARAMETERS if name in extra}
        for name in _NUMBER_PARAMETERS:
            # libpq takes one port for each of several hosts ("5432,5433"): that stays as it is written.
            if name in extra and "," not in extra[name]:
                known[name] = _number_of_url(name, extra.pop(name))
        return cls(**known, extra=tuple(sorted(extra.items())))

    @classmethod
    def from_dbt_credentials(cls, output: Mapping[str, Any]) -> DatabaseSettings:
        """Read a rendered dbt-postgres output, with or without dbt's aliases, with dbt's defaults."""
        credentials = dbt_postgres_credentials(output, where="the dbt profile")
        names = set(cls.__dataclass_fields__) & set(credentials)
        return cls(dbname=credentials["database"], **{name: credentials[name] for name in names})

    def connect_arguments(self) -> dict[str, Any]:
        """Return the keyword arguments of `psycopg2.connect` that dbt-postgres would pass, without the unset ones."""
        arguments: dict[str, Any] = dict(self.extra)
        for name in (
            "host",
            "port",
            "user",
            "password",
            "dbname",
            "connect_timeout",
            "sslcert",
            "sslkey",
            "sslrootcert",
        ):
            if getattr(self, name) is not None:
                arguments[name] = getattr(self, name)
        # Empty values of these, and 0 seconds, mean "not set" in a dbt profile.
        for name in ("keepalives_idle", "sslmode", "application_name"):
            if getattr(self, name):
                arguments[name] = getattr(self, name)
        if self.search_path:
            option = "-c search_path=" + self.search_path.replace(" ", "\\ ")
            arguments["options"] = " ".join(filter(None, (arguments.get("options"), option)))
        return arguments

    def display(self) -> str:
        """Return `user@host:port/dbname` for messages; a socket directory takes the place of the host."""
        extra = dict(self.extra)
        host = self.host or extra.get("hostaddr") or "(default host)"
        if ":" in host and "," not in host:
            host = f"[{host}]"
        port = self.port or extra.get("port")
        user = f"{self.user}@" if self.user else ""
        return f"{user}{host}{f':{port}' if port else ''}/{self.dbname or '(default database)'}"


def dbt_postgres_credentials(output: Mapping[str, Any], *, where: str) -> dict[str, Any]:
    """Return what dbt-postgres keeps of a rendered output: canonical names, dbt's defaults, no unknown keys.

    `where` names the output in messages. Raises ConfigurationError for missing, doubled and mistyped values.
    """
    given: dict[Any, Any] = {}
    for key, value in output.items():
        name = _DBT_ALIASES.get(key, key)
        if name in given:
            raise ConfigurationError(f"{where} sets `{name}` twice, also as `{key}`.", "Remove one of the two.")
        given[name] = value
    missing = [name for name, (_, default) in _DBT_POSTGRES_KEYS.items() if default is _REQUIRED and name not in given]
    if missing:
        names = ", ".join("dbname" if name == "database" else name for name in missing)
        raise ConfigurationError(f"{where} lacks {names}.", "Add the missing keys to profiles.yml.")
    return {
        name: _checked(name, given[name], kind, where) if name in given else default
        for name, (kind, default) in _DBT_POSTGRES_KEYS.items()
    }


def whole_number(value: Any) -> int | None:
    """Return the number when dbt takes `value` for a whole number (5432, 5432.0; not True, not "5432"), or None."""
    if isinstance(value, bool) or not isinstance(value, (int, float)):
        return None
    if isinstance(value, float) and not value.is_integer():
        return None
    return int(value)


def _checked(name: str, value: Any, kind: str, where: str) -> Any:
    if kind == "number":
        number = whole_number(value)
        if number is None:
            raise ConfigurationError(
                f"`{name}` of {where} is not a whole number.",
                "Write it without quotes; Jinja needs the filter as_number: {{ env_var('...') | as_number }}.",
            )
        return number
    if value is None and kind != "text":
        return None
    if kind == "optional flag":
        if isinstance(value, bool):
            return value
        raise ConfigurationError(f"`{name}` of {where} is neither true nor false.", "Write true or false, unquoted.")
    if not isinstance(value, str):
        raise ConfigurationError(
            f"`{name}` of {where} is not text.", "Put it in quotes; with Jinja, leave out as_number and as_bool."
        )
    return str(value)


def _parse_url(url: str) -> dict[str, str]:
    # Imported here: most commands read the profile, and a start without work must be quick.
    import psycopg2
    from psycopg2.extensions import parse_dsn

    sqlalchemy_form = re.match(r"\s*postgres(?:ql)?\+psycopg2?://", url)
    if sqlalchemy_form:
        url = _libpq_form(url[sqlalchemy_form.end() :])
    elif re.match(r"\s*postgres(?:ql)?://[^/?]*/[^?]*@", url):
        # libpq would take the rest of the password for the name of the database.
        raise _UrlError("has a character in its password that must be percent-encoded")
    try:
        parameters: dict[str, str] = parse_dsn(url)
    except (psycopg2.Error, ValueError, TypeError):
        raise _UrlError("is not a PostgreSQL URL that can be read") from None  # the cause quotes the URL
    if not parameters:
        raise _UrlError("names no host and no database")
    return parameters


def _libpq_form(rest: str) -> str:
    # SQLAlchemy lets a password hold every character but "@", and reads "+" in the query as a space: libpq does not.
    prefix = "postgresql://"
    credentials = re.match(r"([^:/]*)(?::([^@]*))?@", rest)
    if credentials:
        user, password = credentials.groups()
        prefix += quote(unquote(user), safe="")
        prefix += "@" if password is None else f":{quote(unquote(password), safe='')}@"
        rest = rest[credentials.end() :]
    address, _, query = rest.partition("?")
    pairs = parse_qsl(query, keep_blank_values=True)
    if len({name for name, _ in pairs}) < len(pairs):
        raise _UrlError("names a parameter twice")
    return f"{prefix}{address}?" + "&".join(f"{quote(name, safe='')}={quote(value, safe='')}" for name, value in pairs)


def _number_of_url(name: str, text: str) -> int | None:
    if not text.strip():
        return None
    if not re.fullmatch(r"\s*-?[0-9]{1,9}\s*", text):
        raise _UrlError(f"has a {name} that is not a number")
    return int(text)
