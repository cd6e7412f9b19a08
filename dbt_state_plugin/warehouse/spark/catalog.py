"""Relations in the metastore: kinds, columns, places, texts of views."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any
from uuid import uuid4

from dbt_state_plugin.core.values.relations import Identity, RelationKind, RelationName
from dbt_state_plugin.warehouse.answers import value_hash
from dbt_state_plugin.warehouse.spark.dialect import SPARK
from dbt_state_plugin.warehouse.spark.files import State, files_of
from dbt_state_plugin.warehouse.spark.shape import shape_of

_ICEBERG_VERSION = "metadata_location"  # names another file after each commit
_REAL_TYPE = "__CHAR_VARCHAR_TYPE_STRING"
# Of the properties of a view those say what its text means.
_OF_THE_TEXT = ("view.catalogAndNamespace", "view.query.out", "view.sqlConfig", "view.schemaMode")
_ROW_BYTES = 50  # of a row in files, roughly


@dataclass(frozen=True, slots=True, kw_only=True)
class Held:
    """One relation as the metastore has it.

    `created` is when, in milliseconds, `location` the URI of its files, `partitions` where those of each partition are,
    `text` is that of a view, and `fields` are the columns in Spark's JSON of schemas.
    """

    schema: str
    identifier: str
    kind: RelationKind
    created: int
    provider: str
    location: str
    fields: tuple[Mapping[str, Any], ...]
    properties: Mapping[str, str]
    text: str = ""
    comment: str = ""
    partitions: Mapping[str, str] = field(default_factory=dict)

    @property
    def is_view(self) -> bool:
        """Return whether it holds no rows of its own."""
        return self.kind is RelationKind.VIEW

    @property
    def quoted(self) -> str:
        """Return its name as SQL has it."""
        return ".".join(map(quoted, (self.schema, self.identifier)))

    @property
    def identity(self) -> Identity:
        """Return what tells it from another relation of its name: a view by its text, which says all that it is."""
        if self.is_view:
            meaning = sorted(each for each in self.properties.items() if each[0].startswith(_OF_THE_TEXT))
            text = value_hash((self.text, meaning, self.columns))
            return Identity(object_id="view", storage_id=text, kind=self.kind)
        place = f"{self.created}-{value_hash((self.provider, self.location))}"
        return Identity(object_id=place, storage_id=place, kind=self.kind)

    @property
    def columns(self) -> dict[str, str]:
        """Return names and types of the columns in their order."""
        return columns_of(self.fields)

    @property
    def columns_document(self) -> str:
        """Return its columns as the state keeps them."""
        return json.dumps(list(self.columns.items()), ensure_ascii=False)

    @property
    def shape(self) -> str:
        """Return its comments as the state keeps them."""
        return shape_of(self.comment, self.fields)

    def files(self, spark: Any) -> list[State] | None:
        """Return the state of each of its files, those of partitions elsewhere too, None if nothing tells."""
        if not self.location:
            return None
        found = files_of(self.location, self.provider, spark) or []
        below = self.location.rstrip("/") + "/"
        for partition, place in sorted(self.partitions.items()):
            if not place.startswith(below):
                elsewhere = files_of(place, "", spark) or []
                found += [(f"{partition} {path}", size, time) for path, size, time in elsewhere]
        return found

    def version(self, spark: Any) -> str:
        """Return a text that differs whenever its rows may differ, and each time where nothing tells."""
        files = self.files(spark)
        if files is None:
            return f"?{uuid4().hex}"
        return value_hash(
            (self.provider, self.properties.get(_ICEBERG_VERSION), sorted(self.partitions.items()), files)
        )

    def rows(self, spark: Any) -> int:
        """Return about how many rows it has, by the size of its files."""
        return sum(size for _, size, _ in self.files(spark) or ()) // _ROW_BYTES


def read_relations(spark: Any, schemas: Iterable[str]) -> dict[tuple[str, str], Held]:
    """Return what is in these schemas by schema and identifier; one that is not there has nothing."""
    catalog = _external_catalog(spark)
    found: dict[tuple[str, str], Held] = {}
    for schema in sorted(set(schemas)):
        if catalog.databaseExists(schema):
            for table in _items(catalog.getTablesByName(schema, catalog.listTables(schema))):
                held = _held(spark, catalog, schema, table)
                found[schema, held.identifier] = held
    return found


def read_relation(spark: Any, schema: str, identifier: str) -> Held | None:
    """Return one relation, None if it is not there."""
    catalog = _external_catalog(spark)
    if not (catalog.databaseExists(schema) and catalog.tableExists(schema, identifier)):
        return None
    return _held(spark, catalog, schema, catalog.getTable(schema, identifier))


def _external_catalog(spark: Any) -> Any:
    return spark._jsparkSession.sessionState().catalog().externalCatalog()


def _held(spark: Any, catalog: Any, schema: str, table: Any) -> Held:
    kind, storage = str(table.tableType().name()), table.storage()
    identifier = str(table.identifier().table())
    fields = json.loads(table.schema().json())["fields"]
    is_partitioned = table.tracksPartitionsInCatalog() or (_option(table.provider()) == "hive")
    partitions = {}
    if is_partitioned and table.partitionColumnNames().size():
        none = spark._jvm.scala.Option.empty()
        for each in _items(catalog.listPartitions(schema, identifier, none)):
            partitions[str(each.spec().toString())] = _option(each.storage().locationUri())
    if not fields and kind != "VIEW":  # the table's own format knows them
        fields = json.loads(spark.table(f"{quoted(schema)}.{quoted(identifier)}")._jdf.schema().json())["fields"]
    return Held(
        schema=schema,
        identifier=SPARK.stored_name(identifier, identifier),
        kind=RelationKind.VIEW if kind == "VIEW" else RelationKind.TABLE,
        created=int(table.createTime()),
        provider=_option(table.provider()).lower(),
        location=_option(storage.locationUri()),
        fields=tuple(fields),
        properties=_mapping(table.properties()),
        text=_option(table.viewText()),
        comment=_option(table.comment()),
        partitions=partitions,
    )


def columns_of(fields: Iterable[Mapping[str, Any]]) -> dict[str, str]:
    """Return names and types of the fields of a schema in Spark's JSON; parts of a type are JSON too."""
    return {str(each["name"]): _type(each) for each in fields}


def _type(given: Mapping[str, Any]) -> str:
    real = given.get("metadata", {}).get(_REAL_TYPE)
    kind = real or given["type"]
    return kind if isinstance(kind, str) else json.dumps(kind, sort_keys=True)


def relation_name(database: str, schema: str, identifier: str) -> RelationName:
    """Return a name as the core compares it."""
    schema, identifier = (SPARK.stored_name(part, part) for part in (schema, identifier))
    return RelationName(database=database, schema=schema, identifier=identifier)


def quoted(name: str) -> str:
    """Return an identifier in quotes."""
    return "`" + name.replace("`", "``") + "`"


def _items(sequence: Any) -> Iterator[Any]:
    """Yield the items of a sequence of Scala's."""
    items = sequence.iterator()
    while items.hasNext():
        yield items.next()


def _mapping(scala_map: Any) -> dict[str, str]:
    return {str(pair._1()): str(pair._2()) for pair in _items(scala_map)}


def _option(option: Any) -> str:
    if option.isEmpty():
        return ""
    value = option.get()
    return value if isinstance(value, str) else str(value.toString())
