"""Lists and dicts that forget their oldest entries, in place of the old module's that grew for ever."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Iterable
from typing import Any, SupportsIndex


class BoundedList(list[Any]):
    """A list of the newest ``limit`` entries."""

    def __init__(self, limit: int, entries: Iterable[Any] = ()) -> None:
        super().__init__(entries)
        self.limit = limit
        self._trim()

    def append(self, entry: Any) -> None:
        """Adds an entry and forgets the oldest if there are too many."""
        super().append(entry)
        self._trim()

    def extend(self, entries: Iterable[Any]) -> None:
        """Adds entries and forgets the oldest if there are too many."""
        super().extend(entries)
        self._trim()

    def insert(self, index: SupportsIndex, entry: Any) -> None:
        """Puts an entry in a place and forgets the oldest if there are too many."""
        super().insert(index, entry)
        self._trim()

    def __iadd__(self, entries: Iterable[Any]) -> BoundedList:  # type: ignore[misc,override]
        self.extend(entries)
        return self

    def _trim(self) -> None:
        excess = len(self) - self.limit
        if excess > 0:
            del self[:excess]


class BoundedDict(OrderedDict[Any, Any]):
    """A dict of the ``limit`` entries that were set last. ``version`` counts its changes."""

    def __init__(self, limit: int, entries: Iterable[tuple[Any, Any]] = ()) -> None:
        self.limit = limit
        self.version = 0
        super().__init__()
        for key, value in entries:
            self[key] = value

    def __setitem__(self, key: Any, value: Any) -> None:
        super().__setitem__(key, value)
        self.move_to_end(key)
        self.version += 1
        if len(self) > self.limit:
            self.popitem(last=False)

    def __delitem__(self, key: Any) -> None:
        super().__delitem__(key)
        self.version += 1

    def clear(self) -> None:
        """Forgets all entries."""
        super().clear()
        self.version += 1

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.limit, list(self.items()))
