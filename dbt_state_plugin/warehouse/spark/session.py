"""Spark sessions: one for each command, shared with dbt.

dbt-spark takes the session that there is in its process, and starts one with the settings of the profile where there is
none. We do the same with the same settings, at the first question, and end it with its JVM afterwards, so that Derby's
folder is free. A session that was there before us belongs to whoever started it, and stays.
"""

from __future__ import annotations

import logging
import os
import shutil
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from dbt_state_plugin.errors import BusyError, ConfigurationError, StateError
from dbt_state_plugin.warehouse.spark.metastore import Metastore, metastore_of, read_settings

_IMPLEMENTATION = "spark.sql.catalogImplementation"
_QUIET = {"spark.ui.showConsoleProgress": "false", "spark.log.level": "ERROR"}
_LOGGER = "SQLQueryContextLogger"  # writes every query that is refused to stderr
_DERBY_IS_HELD = ("XSDB6", "Another instance of Derby")
_END_TIMEOUT = 30.0  # seconds for the JVM to end by itself


class SparkSessions:
    """The session of a profile: started when it is first asked for."""

    def __init__(self, credentials: Mapping[str, Any]) -> None:
        """Start nothing."""
        given = credentials.get("server_side_parameters") or {}
        self.parameters = {str(name): str(value) for name, value in given.items()}
        self.settings = read_settings(self.parameters, os.environ)
        if self.parameters.get(_IMPLEMENTATION) == "in-memory":
            raise ConfigurationError(
                "The catalogue of this target is in memory, so no run can find what an earlier run built.",
                f"Leave `{_IMPLEMENTATION}` out of profiles.yml, or compare code alone (`plan --state DIR`).",
            )
        self.metastore: Metastore = metastore_of(self.settings, Path.cwd())
        self._is_of_others = _active_context() is not None
        self._is_set = False
        self._mutex = threading.RLock()

    @property
    def is_open(self) -> bool:
        """Return whether there is a session in this process."""
        return _active_context() is not None

    @property
    def is_ours(self) -> bool:
        """Return whether there is a session that began while this object was there."""
        return self.is_open and not self._is_of_others

    @property
    def holds_derby(self) -> bool:
        """Return whether the session's own JVM has Derby's folder open: then the metastore is there, and only there."""
        module = sys.modules.get("pyspark")
        process = getattr(getattr(getattr(module, "SparkContext", None), "_gateway", None), "proc", None)
        return process is not None and self.metastore.holder() == process.pid

    @contextmanager
    def asking(self, what: str) -> Iterator[Any]:
        """Yield the session; `what` begins the message if Spark refuses.

        Raises BusyError where another process has Derby's folder, StateError, and ConfigurationError without Spark.
        """
        errors: tuple[type[Exception], ...] = (*_errors(), OSError)
        with self._mutex:
            logger = logging.getLogger(_LOGGER)
            was_disabled, logger.disabled = logger.disabled, True
            try:
                yield self._session()
            except errors as error:
                raise self._refused(what, error) from error
            finally:
                logger.disabled = was_disabled

    def _session(self) -> Any:
        from pyspark.sql import SparkSession

        if not self.is_open:
            self._check_java()
            if holder := self.metastore.holder():
                raise self._held(f"process {holder}")
        if self.is_open and self._is_set:
            return SparkSession.builder.getOrCreate()
        builder = SparkSession.builder.enableHiveSupport()
        quiet = {} if self.is_open else {name: value for name, value in _QUIET.items() if name not in self.settings}
        for name, value in {**quiet, **self.parameters, "spark.sql.ansi.enabled": "false"}.items():  # as dbt-spark does
            builder = builder.config(name, value)
        session = builder.getOrCreate()
        self._is_set = True
        return session

    def _check_java(self) -> None:
        home = os.environ.get("JAVA_HOME")
        if shutil.which("java", path=os.path.join(home, "bin") if home else None) is None:  # noqa: PTH118
            raise ConfigurationError(
                "Spark needs Java, which is not on this machine"
                + (f" where JAVA_HOME says ({home})." if home else "."),
                "Install Java 17, in Debian the package openjdk-17-jre-headless, or set JAVA_HOME.",
            )

    def _held(self, who: str) -> BusyError:
        return BusyError(
            f"{who[0].upper()}{who[1:]} has opened the metastore {self.metastore.derby}, which Derby gives to one"
            " process at a time.",
            "Wait until it ends, then run the command again.",
        )

    def _refused(self, what: str, error: Exception) -> BusyError | StateError:
        if any(word in text for text in _texts(error) for word in _DERBY_IS_HELD):
            return self._held("another process")
        return StateError(f"{what}: {first_line(error)}.", "Run `dbt debug` to see whether dbt can.")

    def close(self) -> None:
        """End the session, unless it was there before."""
        with self._mutex:
            if self.is_ours:
                _end()


def _active_context() -> Any:
    module = sys.modules.get("pyspark.core.context") or sys.modules.get("pyspark.context")
    return getattr(getattr(module, "SparkContext", None), "_active_spark_context", None)


def _errors() -> tuple[type[Exception], ...]:
    try:
        from py4j.protocol import Py4JError
        from pyspark.errors import PySparkException
    except ModuleNotFoundError as error:
        raise ConfigurationError(
            "Spark is not installed beside dbt-state-plugin.",
            "Run `pip install 'dbt-state-plugin[spark]'` in the same environment.",
        ) from error
    return (Py4JError, PySparkException)


def _end() -> None:
    """Stop the session and its JVM; Derby is shut down first, so that its next start has nothing to repair."""
    from pyspark import SparkContext
    from pyspark.sql import SparkSession

    context, gateway = SparkContext._active_spark_context, SparkContext._gateway
    process = getattr(gateway, "proc", None)
    with suppress(*_errors(), OSError):  # it says by an error that it is shut down
        gateway.jvm.java.sql.DriverManager.getConnection("jdbc:derby:;shutdown=true")
    with suppress(*_errors(), OSError):
        session = SparkSession.getActiveSession()
        (session or context).stop()
    if process is None:  # whoever started the JVM keeps it
        return
    with suppress(Exception):
        gateway.shutdown()
    process.stdin.close()  # which ends it
    try:
        process.wait(timeout=_END_TIMEOUT)
    except Exception:  # it hangs
        process.kill()
        process.wait()
    SparkContext._gateway = SparkContext._jvm = None


def _texts(error: BaseException | None) -> Iterator[str]:
    while error is not None:
        yield str(error)
        yield str(getattr(error, "_stackTrace", ""))
        error = error.__cause__ or error.__context__


def first_line(error: Exception) -> str:
    """Return the first line of a message of Spark without its last dot."""
    return (str(error).strip().splitlines() or [type(error).__name__])[0].rstrip(".")
