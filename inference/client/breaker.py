"""A three-state circuit breaker: who has failed several times in a row is left alone for a while, then tried once."""

from typing import Literal

State = Literal["closed", "open", "half_open"]


class Breaker:
    """Closed: calls pass. Open: none does, for `open_s`. Half open: one passes, and what comes of it decides.

    Times are seconds on any clock that does not go back; the caller gives them.
    """

    def __init__(self, failures: int = 3, open_s: float = 2.0) -> None:
        """Open after this many failures in a row, for this long."""
        self.state: State = "closed"
        self.opened = 0  # how many times
        self._failures = failures
        self._open_s = open_s
        self._failed = 0
        self._until_s = 0.0

    def allows(self, now_s: float) -> bool:
        """Whether a call may be made now. In the half-open state that is one call, until its outcome is told.

        Where nothing was told for `open_s` (the caller was cancelled), the next one may try.
        """
        if self.state == "closed":
            return True
        if now_s < self._until_s:
            return False
        self.state = "half_open"
        self._until_s = now_s + self._open_s
        return True

    def succeeded(self) -> None:
        """A call was answered: all is well again."""
        self.state = "closed"
        self._failed = 0

    def failed(self, now_s: float) -> None:
        """A call was not answered. The one of the half-open state is enough to open again."""
        self._failed += 1
        if self.state == "half_open" or self._failed >= self._failures:
            self.opened += self.state != "open"
            self.state = "open"
            self._until_s = now_s + self._open_s
