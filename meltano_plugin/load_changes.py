"""Streams whose load has changed, and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import Enum

from meltano_plugin.load_definition import SEPARATOR, VERSION, taken_apart


class ChangeKind(Enum):
    """What can be said of a stream."""

    NEW = "new"
    REMOVED = "removed"
    PART_CHANGED = "part changed"


@dataclass(frozen=True, slots=True)
class StreamReason:
    """One thing that is different; `part` is the changed part of the definition."""

    kind: ChangeKind
    part: str = ""

    @property
    def kept(self) -> tuple[str, str]:
        """Return its kind and detail as history keeps them; one after the other they are its words."""
        if self.kind is ChangeKind.NEW:
            return "new", "stream"
        return ("removed", "") if self.kind is ChangeKind.REMOVED else (self.part, "changed")

    @property
    def is_new_release(self) -> bool:
        """Return whether the plugin has another version, which alone reloads nothing."""
        return self.part == VERSION

    @property
    def wants_reload(self) -> bool:
        """Return whether rows that were loaded earlier have another definition."""
        return self.kind is ChangeKind.PART_CHANGED and not self.is_new_release


NEW = StreamReason(ChangeKind.NEW)
REMOVED = StreamReason(ChangeKind.REMOVED)


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamChange:
    """One stream of one pair with the reasons; `parts` are its items now, empty when it is gone."""

    pair: str
    stream: str
    reasons: tuple[StreamReason, ...]
    parts: Mapping[str, str]

    @property
    def name(self) -> str:
        """Return pair and stream in one."""
        return SEPARATOR.join((self.pair, self.stream))

    @property
    def wants_reload(self) -> bool:
        """Return whether rows that were loaded earlier have another definition."""
        return any(reason.wants_reload for reason in self.reasons)

    @property
    def definition(self) -> dict[str, str]:
        """Return the items that a reload answers to: all but the version."""
        return {name: checksum for name, checksum in self.parts.items() if taken_apart(name)[2] != VERSION}


def changes_between(
    earlier: Mapping[str, str], now: Mapping[str, str], known: Mapping[str, str]
) -> tuple[StreamChange, ...]:
    """Return what differs, by stream, sorted.

    All three are checksums by name: of the earlier execution, of now, and the newest known of everything that was ever
    recorded: a stream that was left out for a while is compared with its own last definition.
    """
    streams_now, streams_before = by_stream(now), by_stream(earlier)
    found = []
    for key in sorted(streams_now.keys() | streams_before.keys()):
        parts = streams_now.get(key, {})
        if not parts:
            reasons: tuple[StreamReason, ...] = (REMOVED,)
        else:
            before = streams_before.get(key) or by_stream(known).get(key, {})
            came_back = key not in streams_before
            differing = tuple(
                StreamReason(ChangeKind.PART_CHANGED, taken_apart(name)[2])
                for name, checksum in parts.items()
                if before.get(name) != checksum
            )
            reasons = (NEW, *(differing if before else ())) if came_back else differing
        if reasons:
            found.append(StreamChange(pair=key[0], stream=key[1], reasons=reasons, parts=parts))
    return tuple(found)


def by_stream(checksums: Mapping[str, str]) -> dict[tuple[str, str], dict[str, str]]:
    """Return the items of each pair and stream."""
    found: dict[tuple[str, str], dict[str, str]] = {}
    for name, checksum in checksums.items():
        pair, stream, _ = taken_apart(name)
        found.setdefault((pair, stream), {})[name] = checksum
    return found
