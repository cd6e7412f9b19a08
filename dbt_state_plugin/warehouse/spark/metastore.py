"""The metastore of a Spark session, by its settings alone.

Without a server of its own Hive keeps the catalogue in Derby, in a folder that one process has at a time. Where that is
follows from the profile, from Spark's own files of settings, and from the current directory.
"""

from __future__ import annotations

import hashlib
import json
import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

_HIVE = "spark.hadoop."
_URL = "javax.jdo.option.ConnectionURL"
_URIS = "hive.metastore.uris"
_WAREHOUSE = "spark.sql.warehouse.dir"
_CATALOG = re.compile(r"spark\.sql\.(?:catalog\.|defaultCatalog|catalogImplementation)")
_PROPERTY = re.compile(r"<name>\s*([^<]*?)\s*</name>\s*<value>\s*([^<]*?)\s*</value>")
_LINE = re.compile(r"\s*([^#\s=:]+)[\s=:]+(.*?)\s*")
_DERBY = re.compile(r"jdbc:derby:(?:([^;:]+))?(?:;(.*))?")
_LOCKED_FILE = "dbex.lck"


@dataclass(frozen=True, slots=True, kw_only=True)
class Metastore:
    """Where the catalogue is: `place` names it, `derby` is the folder of one in Derby, None for any other."""

    place: str
    derby: Path | None = None

    def holder(self) -> int | None:
        """Return the process that has the folder of Derby open, None if there is none or nobody can say."""
        return _holder(self.derby / _LOCKED_FILE) if self.derby is not None else None


def read_settings(parameters: Mapping[str, str], environ: Mapping[str, str]) -> dict[str, str]:
    """Return the settings of a session: those of the profile, before those of Spark's own files."""
    home = environ.get("SPARK_HOME")
    folder = environ.get("SPARK_CONF_DIR") or (os.path.join(home, "conf") if home else "")  # noqa: PTH118
    found: dict[str, str] = {}
    if folder:
        found |= {_HIVE + name: value for name, value in _PROPERTY.findall(_text(Path(folder) / "hive-site.xml"))}
        lines = _text(Path(folder) / "spark-defaults.conf").splitlines()
        found |= {line[1]: line[2] for line in map(_LINE.fullmatch, lines) if line}
    return found | dict(parameters)


def metastore_of(settings: Mapping[str, str], folder: Path) -> Metastore:
    """Return where the settings of a session keep the catalogue, given the current directory."""
    where = {name: value for name, value in settings.items() if _CATALOG.match(name) and not _is_secret(name)}
    uris = settings.get(_HIVE + _URIS, "")
    url = settings.get(_HIVE + _URL, "")
    derby = None if uris or (url and not url.startswith("jdbc:derby:")) else _derby_folder(url, folder)
    where |= {"uris": uris, "url": url.partition("?")[0] if derby is None else str(derby)}
    if derby is not None:  # the catalogue begins with this folder for its tables
        where["warehouse"] = settings.get(_WAREHOUSE) or str(folder / "spark-warehouse")
    text = json.dumps(where, sort_keys=True)
    options = settings.get("spark.driver.extraJavaOptions", "") + settings.get("spark.driver.defaultJavaOptions", "")
    return Metastore(
        place=hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()[:16],
        derby=None if "derby" in options else derby,
    )


def _derby_folder(url: str, folder: Path) -> Path | None:
    if not url:
        return folder / "metastore_db"
    matched = _DERBY.fullmatch(url)
    if matched is None:
        return None
    options = dict(each.partition("=")[::2] for each in (matched[2] or "").split(";"))
    name = matched[1] or options.get("databaseName")
    return folder / name if name and not name.startswith("//") else None  # which is a server of its own


def _is_secret(name: str) -> bool:
    return bool(re.search(r"secret|token|passw|key|credential", name, re.IGNORECASE))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return ""


def _holder(path: Path) -> int | None:
    """Return the process that has locked a file, as Linux tells it."""
    try:
        import fcntl
        import struct

        with path.open("rb") as file:
            asked = struct.pack("hhqqi4x", fcntl.F_WRLCK, 0, 0, 0, 0)
            kind, _, _, _, process = struct.unpack("hhqqi4x", fcntl.fcntl(file, fcntl.F_GETLK, asked))
    except (ImportError, OSError, AttributeError):  # no such file, or another system
        return None
    return process if kind != fcntl.F_UNLCK and process > 0 else None
