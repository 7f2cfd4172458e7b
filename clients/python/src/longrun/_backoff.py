"""The pause before the next try."""

from __future__ import annotations

import random


class Backoff:
    """Pauses that double from try to try.

    Each is drawn from its upper half, so that many clients do not come back together.
    """

    def __init__(self, first: float, max: float) -> None:
        self._first = first
        self._next = first
        self._max = max

    def pause(self) -> float:
        """The next pause, in seconds."""
        pause = self._next * random.uniform(0.5, 1.0)
        self._next = min(self._next * 2, self._max)
        return pause

    def reset(self) -> None:
        """Begins anew, after a success."""
        self._next = self._first
