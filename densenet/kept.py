"""The values that were asked for last, kept for whoever asks again."""

from __future__ import annotations

from collections import OrderedDict
from collections.abc import Callable, Hashable
from threading import Lock
from typing import Generic, TypeVar

_K = TypeVar("_K", bound=Hashable)
_V = TypeVar("_V")


class Kept(Generic[_K, _V]):
    """At most `most` values by key, shared between threads; the one that was not asked for longest goes."""

    def __init__(self, most: int) -> None:
        self.most = most
        self._values: OrderedDict[_K, _V] = OrderedDict()
        self._lock = Lock()

    def __len__(self) -> int:
        return len(self._values)

    def get(self, key: _K) -> _V | None:
        """Return the value of `key`, or None where none is kept."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
            return self._values.get(key)

    def put(self, key: _K, value: _V) -> None:
        """Keep `value`, in place of what `key` had."""
        with self._lock:
            self._values[key] = value
            self._values.move_to_end(key)
            while len(self._values) > self.most:
                self._values.popitem(last=False)

    def get_or(self, key: _K, make: Callable[[], _V]) -> _V:
        """Return the value of `key`, made now where none is kept; threads that ask at once for a new one may each make it."""
        with self._lock:
            if key in self._values:
                self._values.move_to_end(key)
                return self._values[key]
        value = make()
        self.put(key, value)
        return value

    def clear(self) -> None:
        """Let go of all values."""
        with self._lock:
            self._values.clear()
