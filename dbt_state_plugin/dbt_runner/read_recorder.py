"""Recorder of what the Jinja of one node reads."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping
from typing import Any, Protocol

from dbt_state_plugin.core.values.reads import Question, RenderedReads, answer_text

# Names that say the same in every run of one project, or that other parts of a definition cover: the relation of the
# node and those that it refers to, what depends on nothing but its arguments, what asks the database (seen there).
PLAIN = frozenset(
    "adapter_macro api caller column context_macro_stack compiled_code database debug diff_of_two_dicts "
    "doc exceptions execute fromjson fromyaml function load_agate_table load_result local_md5 log metric post_hooks "
    "pre_hooks print project_name ref render return schema set set_strict sql sql_now statement store_raw_result "
    "store_result submit_python_job this tojson toyaml try_or_compiler_error validation write zip zip_strict "
    "defer_relation _sql_results _dbt_generic_test_kwargs schemas database_schemas".split()
)
VOLATILE = frozenset("invocation_id run_started_at thread_id selected_resources otel_trace_id otel_span_id".split())
TEXTS = frozenset({"dbt_metadata_envs", "dbt_version"})
TEXT_NAMES = VOLATILE | TEXTS
CLOCK = frozenset({"now", "today", "utcnow"})
MODULES = frozenset({"datetime", "itertools", "pytz", "re"})
_CHANCE = re.compile(r"\|\s*random\b|\blipsum\b")


class Known(Protocol):
    """What a recorder has to know of the run: dbt's flags, and what the context holds besides values."""

    flags: Mapping[str, Any]
    jinja_globals: frozenset[str]

    def is_macro(self, value: Any) -> bool:
        """Return whether a value of the context is a macro, or the macros of one package."""


class Recorder:
    """What one node has read so far; several of dbt's threads may add to it."""

    def __init__(self, tracer: Known) -> None:
        """Begin with nothing."""
        self._tracer = tracer
        self._names: set[str] = set()
        self._volatile: set[str] = set()
        self._flags: dict[str, str] = {}
        self._sources: dict[str, str] = {}
        self._questions: dict[Question, None] = {}
        self._is_opaque = False
        self._hook_sql: list[str] = []
        self._asked_sql: list[str] = []

    def reads(self) -> RenderedReads:
        """Return what was read so far."""
        return RenderedReads(
            names=frozenset(self._names),
            volatile=tuple(sorted(self._volatile)),
            flags=dict(self._flags),
            sources=dict(self._sources),
            questions=tuple(self._questions),
            is_opaque=self._is_opaque,
            hook_sql=tuple(self._hook_sql),
            asked_sql=tuple(self._asked_sql),
        )

    def name(self, name: str) -> None:
        """Note a value that was read."""
        self._names.add(name)

    def volatile(self, name: str) -> None:
        """Note something that gives another value on every run."""
        self._volatile.add(name)

    def flag(self, name: str, value: Any) -> Any:
        """Note a flag of dbt, and return the value that it has for the command that will be run."""
        value = self._tracer.flags.get(name, value)
        self._flags[name] = str(value)
        return value

    def source(self, name: str, relation: str) -> None:
        """Note the relation of a source."""
        self._sources[name] = relation

    def question(self, question: Question) -> None:
        """Note what the database was asked."""
        self._questions[question] = None

    def asked(self, sql: str) -> None:
        """Note a statement that is sent to the database while the node compiles."""
        self._asked_sql.append(sql)

    def hook(self, sql: str) -> None:
        """Note a statement of a hook that is executed."""
        self._hook_sql.append(sql)

    def opaque(self) -> None:
        """Note that something was read that cannot be followed."""
        self._is_opaque = True

    def text(self, code: str) -> None:
        """Note the chance that a template takes by itself."""
        if _CHANCE.search(code):
            self._volatile.add("the random filter")

    def value(self, name: str, value: Any) -> Any:
        """Return what a template gets for a name, and note what it may read of it."""
        if name in VOLATILE:
            self.volatile(name)
        elif name in TEXTS:
            self.name(name)
        elif name in _WRAPPERS:
            return _WRAPPERS[name](self, value)
        elif not (name in PLAIN or self._tracer.is_macro(value) or name in self._tracer.jinja_globals):
            self.opaque()
        return value


class _Recording(dict[Any, Any]):
    """A dictionary that says which of its items are read; `whole` stands for all of them."""

    def __init__(self, values: Any, on_item: Callable[[Any, Any], Any], on_whole: Callable[[], None]) -> None:
        super().__init__(values)
        self._on_item = on_item
        self._on_whole = on_whole

    def __getitem__(self, key: Any) -> Any:
        return self._on_item(key, super().get(key)) if super().__contains__(key) else self.__missing__(key)

    def __missing__(self, key: Any) -> Any:
        self._on_item(key, None)
        raise KeyError(key)

    def get(self, key: Any, default: Any = None) -> Any:
        return self._on_item(key, super().get(key, default))

    def __contains__(self, key: object) -> bool:
        self._on_item(key, super().get(key))
        return super().__contains__(key)

    def pop(self, key: Any, *default: Any) -> Any:
        self._on_item(key, super().get(key))
        return super().pop(key, *default)

    def setdefault(self, key: Any, default: Any = None) -> Any:
        return self._on_item(key, super().setdefault(key, default))

    def __iter__(self) -> Iterator[Any]:
        self._on_whole()
        return super().__iter__()

    def __len__(self) -> int:
        self._on_whole()
        return super().__len__()

    def __eq__(self, other: object) -> bool:
        self._on_whole()
        return super().__eq__(other)

    def __repr__(self) -> str:
        self._on_whole()
        return super().__repr__()

    def __or__(self, other: Any) -> Any:
        self._on_whole()
        return super().__or__(other)

    def keys(self) -> Any:
        self._on_whole()
        return super().keys()

    def values(self) -> Any:
        self._on_whole()
        return super().values()

    def items(self) -> Any:
        self._on_whole()
        return super().items()

    def copy(self) -> Any:
        self._on_whole()
        return super().copy()


class _Asked:
    """An object that stands before another and says what is asked of it."""

    def __init__(self, behind: Any, on_attribute: Callable[[str, Any], Any]) -> None:
        self._behind = behind
        self._on_attribute = on_attribute

    def __getattr__(self, name: str) -> Any:
        if name.startswith("__"):
            raise AttributeError(name)
        return self._on_attribute(name, getattr(self._behind, name))

    def __getitem__(self, name: Any) -> Any:
        return self._on_attribute(str(name), self._behind[name])

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._behind(*args, **kwargs)

    def __str__(self) -> str:
        return str(self._on_attribute("", self._behind))


def _items_of(prefix: str) -> Callable[[Recorder, Any], Any]:
    def wrap(recorder: Recorder, value: Any) -> Any:
        def item(key: Any, found: Any) -> Any:
            if (prefix, key) == ("model", "config") and isinstance(found, Mapping):
                return _items_of("config")(recorder, found)
            recorder.name(f"{prefix}.{key}")
            return found

        if not isinstance(value, Mapping):
            recorder.name(f"{prefix}.*")
            return value
        return _Recording(value, item, lambda: recorder.name(f"{prefix}.*"))

    return wrap


def _config(recorder: Recorder, value: Any) -> Any:
    def attribute(name: str, found: Any) -> Any:
        if name in ("get", "require"):

            def named(key: Any, *args: Any, **kwargs: Any) -> Any:
                recorder.name(f"config.{key}")
                return found(key, *args, **kwargs)

            return named
        known = {"meta_get": "meta", "meta_require": "meta", "set": ""}
        known |= dict.fromkeys(("persist_relation_docs", "persist_column_docs"), "persist_docs")
        recorder.name(f"config.{known.get(name, '*')}")
        return found

    return _Asked(value, attribute)


def _variables(recorder: Recorder, value: Any) -> Any:
    def attribute(name: str, found: Any) -> Any:
        return named(found) if name in ("has_var", "get_rendered_var") else _opaque(recorder, found)

    def named(ask: Any) -> Any:
        def asked(name: Any, *args: Any, **kwargs: Any) -> Any:
            recorder.name(f"var {name}")
            return ask(name, *args, **kwargs)

        return asked

    return _Var(value, attribute, named(value))


class _Var(_Asked):
    def __init__(self, behind: Any, on_attribute: Callable[[str, Any], Any], called: Callable[..., Any]) -> None:
        super().__init__(behind, on_attribute)
        self._called = called

    def __call__(self, *args: Any, **kwargs: Any) -> Any:
        return self._called(*args, **{"name" if name == "var_name" else name: v for name, v in kwargs.items()})


def _env_var(recorder: Recorder, value: Any) -> Any:
    def asked(var: str, default: str | None = None) -> Any:
        recorder.name(f"env_var {var}")
        return value(var, default)

    return asked


def _flags(recorder: Recorder, value: Any) -> Any:
    return _Asked(value, lambda name, found: recorder.flag(name, found) if name else _whole_flags(recorder, found))


def _whole_flags(recorder: Recorder, value: Any) -> Any:
    recorder.volatile("flags")
    return value


def _arguments(recorder: Recorder, value: Any) -> Any:
    def item(key: Any, found: Any) -> Any:
        if key == "which":
            return recorder.flag("WHICH", found)
        recorder.volatile("invocation_args_dict")
        return found

    return _Recording(value, item, lambda: recorder.volatile("invocation_args_dict"))


def _graph(recorder: Recorder, value: Any) -> Any:
    def item(_: Any, found: Any) -> Any:
        recorder.name("graph")
        return found

    return _Recording(value, item, lambda: recorder.name("graph"))


def _modules(recorder: Recorder, value: Any) -> Any:
    def clock(name: str, found: Any) -> Any:
        if name in CLOCK:
            recorder.volatile("modules.datetime")
        return found

    dates = {
        name: _Asked(found, clock) if name in ("date", "datetime") else found
        for name, found in value["datetime"].items()
    }
    if not MODULES.issuperset(value):
        recorder.opaque()  # a release of dbt that has more of them
    return {**value, "datetime": dates}


def _source(recorder: Recorder, value: Any) -> Any:
    def asked(*names: str) -> Any:
        relation = value(*names)
        recorder.source(".".join(names), str(relation))
        return relation

    return asked


def _adapter(recorder: Recorder, value: Any) -> Any:
    def attribute(name: str, found: Any) -> Any:
        if name == "location_exists":
            return _location(recorder, found)
        return _opaque(recorder, found) if name in ("config", "credentials", "connections") else found

    return _Asked(value, attribute)


def _location(recorder: Recorder, value: Any) -> Any:
    """Note a look for a file of DuckDB as the query that it is, which fails as long as there is none."""

    def asked(location: str) -> bool:
        is_there: bool = value(location)
        sql = f"select 1 from '{location}' where 1=0"  # noqa: S608 - the adapter's own
        answer = answer_text(["1"], []) if is_there else ""
        recorder.question(Question(sql=sql, answer=answer, problem="" if is_there else "error"))
        return is_there

    return asked


def _context(recorder: Recorder, value: Any) -> Any:
    return _Recording(value, recorder.value, recorder.opaque)


def _opaque(recorder: Recorder, value: Any) -> Any:
    recorder.opaque()
    return value


_WRAPPERS: dict[str, Callable[[Recorder, Any], Any]] = {
    "adapter": _adapter,
    "builtins": _context,
    "config": _config,
    "context": _context,
    "env": _items_of("target"),
    "env_var": _env_var,
    "flags": _flags,
    "graph": _graph,
    "invocation_args_dict": _arguments,
    "model": _items_of("model"),
    "modules": _modules,
    "source": _source,
    "target": _items_of("target"),
    "var": _variables,
}
KNOWN = PLAIN | VOLATILE | TEXTS | _WRAPPERS.keys()
