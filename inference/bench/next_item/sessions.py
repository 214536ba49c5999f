"""Sessions as two flat arrays, and the folders they are read from."""

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, Self

import numpy as np
import numpy.typing as npt

TRAIN_FILE: Final = "train_sessions.json.gz"
TEST_FILE: Final = "test_prefixes.json.gz"

Ids = npt.NDArray[np.int64]


class Sessions(NamedTuple):
    """Item ids, session after session. Session `n` is `items[starts[n] : starts[n + 1]]`, in the order of clicks."""

    items: Ids
    starts: Ids

    @classmethod
    def of(cls, sessions: Iterable[Sequence[int]]) -> Self:
        """The sessions of lists.

        >>> Sessions.of([[7, 3], [5]]).starts
        array([0, 2, 3])
        """
        kept = list(sessions)
        lengths = np.fromiter(map(len, kept), np.int64, len(kept))
        items = np.fromiter((item for session in kept for item in session), np.int64, int(lengths.sum()))
        return cls(items, np.append(0, np.cumsum(lengths)))

    @property
    def size(self) -> int:
        """How many sessions."""
        return len(self.starts) - 1

    @property
    def lengths(self) -> Ids:
        """Clicks of each session."""
        return np.diff(self.starts)

    @property
    def owner(self) -> Ids:
        """The session of each click."""
        return np.repeat(np.arange(self.size), self.lengths)

    def part(self, first: int, end: int) -> "Sessions":
        """The sessions from `first` to before `end`."""
        starts = self.starts[first : end + 1]
        return Sessions(self.items[starts[0] : starts[-1]], starts - starts[0])

    def take(self, rows: Ids) -> "Sessions":
        """The sessions at `rows`, in that order."""
        return Sessions.of([self.items[self.starts[row] : self.starts[row + 1]].tolist() for row in rows])


class Questions(NamedTuple):
    """Beginnings of sessions, and the item that came next."""

    prefixes: Sessions
    targets: Ids

    def take(self, rows: Ids) -> "Questions":
        """The questions at `rows`, in that order."""
        return Questions(self.prefixes.take(rows), self.targets[rows])


def read_train(folder: Path) -> Sessions:
    """The training sessions of a folder. Raises `ValueError` where they are not there, or are no lists of item ids."""
    return _sessions(_json(folder / TRAIN_FILE), folder / TRAIN_FILE)


def read_test(folder: Path) -> Questions:
    """The test questions of a folder. Raises `ValueError` where they are not there or not in their form."""
    path = folder / TEST_FILE
    pair = _json(path)
    if not isinstance(pair, list) or len(pair) != 2 or len(pair[0]) != len(pair[1]):
        msg = f"expected [prefixes, targets] of one length in {path}, got something else"
        raise ValueError(msg)
    return Questions(_sessions(pair[0], path), _sessions([pair[1]], path).items)


def every_prefix(sessions: Sessions, known: npt.NDArray[np.bool_]) -> Questions:
    """A question for each click but a session's first. Items that are not `known` are left out, as in the files.

    >>> every_prefix(Sessions.of([[1, 2, 1]]), np.array([False, True, True])).targets
    array([2, 1])
    """
    kept = known[sessions.items]
    left = Sessions(sessions.items[kept], np.append(0, np.cumsum(kept))[sessions.starts])
    lists = [left.items[a:b].tolist() for a, b in zip(left.starts[:-1], left.starts[1:], strict=True)]
    prefixes = [session[:end] for session in lists for end in range(1, len(session))]
    targets = [session[end] for session in lists for end in range(1, len(session))]
    return Questions(Sessions.of(prefixes), np.array(targets, dtype=np.int64))


def numbered(sessions: Sessions, questions: Questions) -> tuple[Sessions, Questions, int]:
    """Both with their items numbered from 0 in the order of their ids, and how many items there are.

    Counts are kept for each number, so ids that are far apart would cost memory.

    >>> numbered(Sessions.of([[900, 7]]), Questions(Sessions.of([[7]]), np.array([50])))[0].items
    array([2, 0])
    """
    ids = np.unique(np.concatenate([sessions.items, questions.prefixes.items, questions.targets]))
    prefixes = questions.prefixes._replace(items=np.searchsorted(ids, questions.prefixes.items))
    asked = Questions(prefixes, np.searchsorted(ids, questions.targets))
    return sessions._replace(items=np.searchsorted(ids, sessions.items)), asked, len(ids)


def _json(path: Path) -> Any:
    if not path.is_file():
        msg = f"expected {path.name} in {path.parent}, got no such file; give a folder like diginetica-sessions"
        raise ValueError(msg)
    try:
        with gzip.open(path) as file:
            return json.load(file)
    except (OSError, EOFError, ValueError) as error:
        msg = f"expected JSON in gzip, got {path}: {error}"
        raise ValueError(msg) from error


def _sessions(lists: Any, path: Path) -> Sessions:
    try:
        sessions = Sessions.of(lists)
    except (TypeError, ValueError, OverflowError) as error:
        msg = f"expected lists of item ids in {path}, got something else: {error}"
        raise ValueError(msg) from error
    if not sessions.size or not sessions.lengths.all():
        msg = f"expected at least one session, and none of them empty, in {path}"
        raise ValueError(msg)
    return sessions
