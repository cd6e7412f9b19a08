"""Operations on files of a program, recorded and replayed.

strace records what a program writes, syncs, cuts short and removes. What a kill leaves is all of it up to then; what a
power cut leaves is what was synced, with any choice of what was not, the last of it perhaps torn.
"""

from __future__ import annotations

import re
import shutil
import subprocess
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from pathlib import Path

_TRACED = "openat,pwrite64,write,ftruncate,fsync,fdatasync,unlink,rename"
_CALL = re.compile(r"(\w+)\((.*)\)\s+= (-?\d+)")
_FILE = re.compile(r"\d+<([^>]*)>")
_TEXT = re.compile(r'"((?:\\x[0-9a-f]{2})*)"')
_SECTOR = 512


@dataclass(frozen=True, slots=True, kw_only=True)
class Operation:
    """One call that succeeded, on a file by its name; `data` is what was written at `offset`, `length` what is left."""

    call: str
    file: str
    data: bytes = b""
    offset: int = -1
    length: int = 0


@dataclass
class Disk:
    """What lies in a folder on the disk, and for each file what was done to it since it was synced."""

    folder: str = ""
    synced: dict[str, bytes] = field(default_factory=dict)
    pending: dict[str, list[Operation]] = field(default_factory=dict)

    def play(self, operation: Operation) -> None:
        """Do one operation."""
        name = operation.file
        if operation.call in ("fsync", "fdatasync"):
            for synced in [name] if name != self.folder else self._removed():
                self._settle(synced)
            return
        if operation.call == "openat":  # a file that is made anew is not the one that was removed
            self._settle(name)
            self.synced.setdefault(name, b"")
            return
        self.pending.setdefault(name, []).append(operation)

    def _removed(self) -> list[str]:
        """Return the files whose removal the sync of their folder brings to the disk."""
        return [name for name, done in self.pending.items() if done[-1].call == "unlink"]

    def _settle(self, name: str) -> None:
        found = _after(self.synced.get(name), self.pending.pop(name, []))
        if found is None:
            self.synced.pop(name, None)
        else:
            self.synced[name] = found

    def left(self, choose: Callable[[list[Operation]], Iterable[Operation]]) -> dict[str, bytes]:
        """Return the files that are left, with those of the operations that were not synced which are chosen."""
        names = self.synced.keys() | self.pending.keys()
        files = {name: _after(self.synced.get(name), choose(self.pending.get(name, []))) for name in names}
        return {name: content for name, content in files.items() if content is not None}


def _after(content: bytes | None, operations: Iterable[Operation]) -> bytes | None:
    for each in operations:
        if each.call == "unlink":
            content = None
        elif each.call == "ftruncate":
            content = (content or b"")[: each.length].ljust(each.length, b"\0")
        else:
            before = content or b""
            start = len(before) if each.offset < 0 else each.offset
            content = before[:start].ljust(start, b"\0") + each.data + before[start + len(each.data) :]
    return content


def torn(operations: list[Operation]) -> list[Operation]:
    """Return operations of which only the first half of the last one came to the disk, in whole sectors."""
    if not operations or not operations[-1].data:
        return operations
    last = operations[-1]
    half = len(last.data) // 2 // _SECTOR * _SECTOR
    return [*operations[:-1], Operation(call=last.call, file=last.file, data=last.data[:half], offset=last.offset)]


def recorded(command: list[str], files: Iterable[Path], log: Path) -> list[Operation]:
    """Run a program and return what it did to these files."""
    strace = shutil.which("strace")
    assert strace is not None
    paths = [part for file in files for part in ("-P", str(file))]
    options = ["-qq", "-y", "-xx", "-s", "10000000", "-e", f"trace={_TRACED}", "-e", "signal=none", "-o", str(log)]
    subprocess.run([strace, *options, *paths, *command], check=True)
    return [operation for line in log.read_text().splitlines() if (operation := _read(line)) is not None]


def _read(line: str) -> Operation | None:
    found = _CALL.match(line)
    if found is None or found[3].startswith("-"):
        return None
    call, arguments = found[1], found[2]
    assert call != "rename", line
    texts = [bytes.fromhex(text.replace("\\x", "")) for text in _TEXT.findall(arguments)]
    if call in ("openat", "unlink"):
        name = Path(texts[0].decode()).name
        return Operation(call=call, file=name) if call == "unlink" or "O_CREAT" in arguments else None
    place = _FILE.match(arguments)
    assert place is not None, line
    name = Path(bytes.fromhex(place[1].replace("\\x", "")).decode() if "\\x" in place[1] else place[1]).name
    last = arguments.rpartition(", ")[2]
    if call == "ftruncate":
        return Operation(call=call, file=name, length=int(last))
    if call in ("fsync", "fdatasync"):
        return Operation(call=call, file=name)
    return Operation(call=call, file=name, data=texts[0], offset=int(last) if call == "pwrite64" else -1)
