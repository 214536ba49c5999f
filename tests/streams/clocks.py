"""A clock that stands where the test puts it."""


class Clock:
    """Log time in the tester's hand."""

    def __init__(self, now_ms: int = -1) -> None:
        self.at_ms = now_ms

    def now_ms(self) -> int:
        return self.at_ms
