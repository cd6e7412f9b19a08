"""Settings from URLs and credentials, and what reaches psycopg2."""

from __future__ import annotations

from typing import Any

import psycopg2
import pytest

from dbt_state_plugin.errors import ConfigurationError
from dbt_state_plugin.postgres.settings import DATABASE_URL_VARIABLE, DatabaseSettings

CREDENTIALS: dict[str, Any] = {
    "type": "postgres",
    "host": "db",
    "port": 5432,
    "user": "alice",
    "pass": "s3cret",
    "dbname": "shop",
    "schema": "marts",
}


@pytest.mark.parametrize(
    "url",
    [
        "postgresql://alice:p%40ss@db:5433/shop?sslmode=require",
        "postgres://alice:p%40ss@db:5433/shop?sslmode=require",
        "postgresql+psycopg2://alice:p%40ss@db:5433/shop?sslmode=require",
        "postgresql+psycopg://alice:p%40ss@db:5433/shop?sslmode=require",
        "host=db port=5433 user=alice password=p@ss dbname=shop sslmode=require",
        "host=db port=5433 user=alice password='p@ss' dbname=shop sslmode=require",
    ],
)
def test_every_form_of_a_url_gives_the_same_arguments(url: str) -> None:
    assert DatabaseSettings.from_url(url).connect_arguments() == {
        "host": "db",
        "port": 5433,
        "user": "alice",
        "password": "p@ss",
        "dbname": "shop",
        "sslmode": "require",
    }


def test_query_parameters_are_kept_and_typed() -> None:
    settings = DatabaseSettings.from_url(
        "postgresql:///shop?host=/var/run/postgresql&connect_timeout=7&application_name=a%20b"
        "&options=-csearch_path%3Dmarts&keepalives_idle=30&sslrootcert=/ca.pem&target_session_attrs=read-write"
    )

    assert settings.connect_arguments() == {
        "host": "/var/run/postgresql",
        "dbname": "shop",
        "connect_timeout": 7,
        "application_name": "a b",
        "options": "-csearch_path=marts",
        "keepalives_idle": 30,
        "sslrootcert": "/ca.pem",
        "target_session_attrs": "read-write",
    }


def test_an_ipv6_host_is_read_and_displayed_in_brackets() -> None:
    settings = DatabaseSettings.from_url("postgresql://alice@[::1]:5433/shop")

    assert settings.host == "::1"
    assert settings.display() == "alice@[::1]:5433/shop"


@pytest.mark.parametrize("password", ["a/b", "a?b", "a:b", "a#b", "a b", "a+b", "ü&=%25"])
def test_sqlalchemy_form_takes_passwords_that_are_not_encoded(password: str) -> None:
    settings = DatabaseSettings.from_url(f"postgresql+psycopg2://alice:{password}@db/shop")

    assert settings.password == password.replace("%25", "%")
    assert (settings.host, settings.dbname) == ("db", "shop")


def test_sqlalchemy_form_reads_a_plus_in_the_query_as_a_space_and_libpq_does_not() -> None:
    of_sqlalchemy = DatabaseSettings.from_url("postgresql+psycopg2://db/shop?application_name=a+b")
    of_libpq = DatabaseSettings.from_url("postgresql://db/shop?application_name=a+b")

    assert of_sqlalchemy.application_name == "a b"
    assert of_libpq.application_name == "a+b"


def test_several_hosts_keep_their_ports() -> None:
    settings = DatabaseSettings.from_url("postgresql://alice@one:5432,two:5433/shop")

    assert settings.connect_arguments() == {"host": "one,two", "port": "5432,5433", "user": "alice", "dbname": "shop"}
    assert settings.display() == "alice@one,two:5432,5433/shop"


def test_arguments_of_a_url_are_accepted_by_libpq() -> None:
    url = "postgresql://alice:p%40ss@[::1]:5433/shop?sslmode=disable&options=-c%20lock_timeout%3D1s&gssencmode=disable"

    arguments = DatabaseSettings.from_url(url).connect_arguments()

    assert psycopg2.extensions.parse_dsn(psycopg2.extensions.make_dsn(**arguments)) == psycopg2.extensions.parse_dsn(
        url
    )


@pytest.mark.parametrize(
    "url",
    [
        "",
        "postgresql://",
        "s3cret",
        "mysql://alice:s3cret@db/shop?a=b",
        "postgresql://alice:s3cret@db/shop?nonsense=1",
        "postgresql://alice:s3cret@db:port/shop",
        "postgresql://alice:1/s3cret@db/shop",
        "postgresql://alice:s3cret@db/shop?connect_timeout=soon",
        "postgresql://alice:s3cret%ZZ@db/shop",
        "postgresql://alice:s3cret@[::1/shop",
        "postgresql+psycopg2://alice:s3cret@db/shop?host=a&host=b",
        "host=db password=s3cret dbname",
        "host=db password='s3cret",
        "postgresql://alice:s3cret\x00@db/shop",
    ],
)
def test_a_bad_url_is_an_error_that_names_the_variable_and_hides_the_value(url: str) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_url(url)

    assert DATABASE_URL_VARIABLE in caught.value.what
    assert "s3cret" not in str(caught.value)
    assert "alice" not in str(caught.value)
    assert caught.value.__cause__ is None
    assert caught.value.__suppress_context__ or caught.value.__context__ is None
    assert str(caught.value).count("\n") == 1


def test_secrets_are_not_in_the_repr_nor_in_the_display() -> None:
    settings = DatabaseSettings.from_url("postgresql://alice:s3cret@db/shop?sslpassword=s3cret")

    assert "s3cret" not in repr(settings) + settings.display()
    assert settings.connect_arguments()["sslpassword"] == "s3cret"


def test_dbt_credentials_get_dbts_defaults() -> None:
    settings = DatabaseSettings.from_dbt_credentials(CREDENTIALS)

    assert settings.connect_arguments() == {
        "host": "db",
        "port": 5432,
        "user": "alice",
        "password": "s3cret",
        "dbname": "shop",
        "connect_timeout": 10,
        "application_name": "dbt",
    }
    assert (settings.role, settings.retries) == (None, 1)


def test_optional_dbt_credentials_reach_psycopg2_as_dbt_passes_them() -> None:
    settings = DatabaseSettings.from_dbt_credentials(
        {
            **CREDENTIALS,
            "search_path": "marts, public",
            "role": "builder",
            "keepalives_idle": 60,
            "sslmode": "verify-full",
            "sslcert": "/c.pem",
            "sslkey": "/k.pem",
            "sslrootcert": "/ca.pem",
            "connect_timeout": 3,
            "retries": 5,
            "application_name": "nightly",
        }
    )

    assert settings.connect_arguments() == {
        "host": "db",
        "port": 5432,
        "user": "alice",
        "password": "s3cret",
        "dbname": "shop",
        "connect_timeout": 3,
        "application_name": "nightly",
        "options": "-c search_path=marts,\\ public",
        "keepalives_idle": 60,
        "sslmode": "verify-full",
        "sslcert": "/c.pem",
        "sslkey": "/k.pem",
        "sslrootcert": "/ca.pem",
    }
    assert (settings.role, settings.retries) == ("builder", 5)


def test_values_that_dbt_takes_as_not_set_are_not_passed() -> None:
    unset = {"keepalives_idle": 0, "sslmode": "", "search_path": "", "application_name": None, "sslcert": None}

    arguments = DatabaseSettings.from_dbt_credentials({**CREDENTIALS, **unset}).connect_arguments()

    assert not set(arguments) & {*unset, "options"}


def test_dbt_credentials_are_read_under_either_name() -> None:
    other = {**CREDENTIALS, "password": CREDENTIALS["pass"], "database": CREDENTIALS["dbname"]}
    del other["pass"], other["dbname"]

    assert DatabaseSettings.from_dbt_credentials(other) == DatabaseSettings.from_dbt_credentials(CREDENTIALS)


@pytest.mark.parametrize(
    ("changes", "expected"),
    [
        ({"port": "5432"}, "`port`"),
        ({"port": True}, "`port`"),
        ({"port": 5432.5}, "`port`"),
        ({"port": None}, "`port`"),
        ({"pass": 1234}, "`password`"),
        ({"password": "x"}, "`password`"),
        ({"connect_timeout": None}, "`connect_timeout`"),
        ({"role": 7}, "`role`"),
        ({"autocommit": "yes"}, "`autocommit`"),
    ],
)
def test_dbt_credentials_of_a_wrong_type_are_an_error_that_names_the_key(
    changes: dict[str, Any], expected: str
) -> None:
    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_dbt_credentials({**CREDENTIALS, **changes})

    assert expected in caught.value.what
    assert "s3cret" not in str(caught.value)
    assert "1234" not in str(caught.value)


@pytest.mark.parametrize("key", ["host", "port", "user", "pass", "dbname", "schema"])
def test_a_missing_key_is_named(key: str) -> None:
    output = {name: value for name, value in CREDENTIALS.items() if name != key}

    with pytest.raises(ConfigurationError) as caught:
        DatabaseSettings.from_dbt_credentials(output)

    assert key in caught.value.what


@pytest.mark.parametrize(
    ("settings", "expected"),
    [
        (DatabaseSettings(host="db", port=5432, user="alice", password="s3cret", dbname="shop"), "alice@db:5432/shop"),
        (DatabaseSettings(host="/run/pg", port=5432, user="alice", dbname="shop"), "alice@/run/pg:5432/shop"),
        (DatabaseSettings(dbname="shop"), "(default host)/shop"),
        (DatabaseSettings(host="db"), "db/(default database)"),
        (DatabaseSettings(dbname="shop", extra=(("hostaddr", "10.0.0.1"),)), "10.0.0.1/shop"),
    ],
)
def test_the_display_names_the_place_without_the_password(settings: DatabaseSettings, expected: str) -> None:
    assert settings.display() == expected
