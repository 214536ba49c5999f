"""How far one partition is durable, whatever the order in which its blocks become so."""

from collections import deque


class HoleError(ValueError):
    """Records between the last block and this one were never delivered: going on would commit past them."""


class Span:
    """Offsets up to `next_offset`, from where the span before it ended."""

    __slots__ = ("done", "next_offset")

    def __init__(self, next_offset: int) -> None:
        self.next_offset = next_offset
        self.done = False


class DurablePrefix:
    """The contiguous durable prefix of a partition, from the position at which reading began.

    Blocks are delivered in log order and declared durable in any order; `end` passes a block only when it and all
    before it are durable, so it may be committed at any moment.

    >>> read = DurablePrefix(start=10)
    >>> first, second = read.deliver(10, 20), read.deliver(20, 25)
    >>> read.declare(second)
    >>> read.end
    10
    >>> read.declare(first)
    >>> read.end
    25
    """

    __slots__ = ("_spans", "end", "position")

    def __init__(self, start: int) -> None:
        self.end = start
        self.position = start
        self._spans: deque[Span] = deque()

    def deliver(self, start: int, next_offset: int) -> Span:
        """The span of a block of the offsets `start` to `next_offset - 1`, not durable yet.

        Raises `HoleError` where `start` is not the end of what was delivered before.
        """
        if start != self.position or next_offset < start:
            msg = (
                f"expected a block that begins at offset {self.position}, got offsets {start} to {next_offset}; "
                "was the topic truncated or made anew, or did its retention pass the reader?"
            )
            raise HoleError(msg)
        span = Span(next_offset)
        self._spans.append(span)
        self.position = next_offset
        return span

    def skip(self, start: int, next_offset: int) -> None:
        """Pass offsets that hold no record for us (aborted, or a transaction's marker)."""
        self.declare(self.deliver(start, next_offset))

    def declare(self, span: Span) -> None:
        """The records of `span` are durable downstream."""
        span.done = True
        while self._spans and self._spans[0].done:
            self.end = self._spans.popleft().next_offset
