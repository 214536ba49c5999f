"""Finds the store of a partition on this machine's disk, and does not trust it without a reason."""

import logging
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Final

import msgspec

from schemas.topics import CHANGELOG
from streams.clock import WallClock
from streams.table.loader import LogNow
from streams.table.rocksdb import Memory
from streams.table.store import MARK, About, Place, Store, StoreFailed

MOST_FOLDERS: Final = 4
LOCKED: Final = "it is in use by another process"
_LONGEST_AWAY_MS: Final = int(CHANGELOG.config()["delete.retention.ms"]) - 3_600_000
"""The changelog drops a deletion some time after it was written, and who was deleted meanwhile would stay for ever."""

_WALL: Final = WallClock()

log = logging.getLogger(__name__)


class Stores:
    """The stores of an application's partitions below one folder.

    A partition has a folder of its own, `<partition>-0`. Where another process holds it, a predecessor that hangs say,
    the next one is taken, and begins empty or as it was left: nobody waits for a zombie.
    """

    def __init__(self, root: Path, app_id: str, now_ms: Callable[[], int] = _WALL.now_ms) -> None:
        self._root, self._app_id = root / "shoppers" / app_id, app_id
        self._memory, self._now_ms = Memory(), now_ms

    def open(self, partition: int, changelog: LogNow) -> Store:
        """The partition's store; read the changelog on from its `position`. Errors: `StoreFailed`."""
        about = About(self._app_id, partition, changelog.identity)
        self._root.mkdir(parents=True, exist_ok=True)
        for nth in range(MOST_FOLDERS):
            folder = self._root / f"{about.partition}-{nth}"
            found = self._opened(folder)
            if found == LOCKED:
                log.warning("%s is in use by another process, trying the next folder", folder)
                continue
            why = found if isinstance(found, str) else self._distrust(found, folder, about, changelog)
            if not why and isinstance(found, Store):
                return found
            return self._anew(folder, found, about, why)
        msg = f"expected a free folder in {self._root}, got {MOST_FOLDERS} in use; end the processes that use them"
        raise StoreFailed(msg)

    def sweep(self) -> None:
        """Take away what was left for so long that it would not be trusted any more. To be asked before any `open`."""
        for folder in sorted(self._root.glob("*-*")):
            left_ms = max((path.stat().st_mtime for path in folder.iterdir()), default=0.0) * 1_000
            if self._now_ms() - left_ms < _LONGEST_AWAY_MS:
                continue
            found = self._opened(folder)
            if found == LOCKED:
                continue
            if isinstance(found, Store):
                found.close()
            log.info("taking away the store %s: nobody has opened it for %d h", folder, _LONGEST_AWAY_MS / 3_600_000)
            shutil.rmtree(folder)

    def _opened(self, folder: Path) -> Store | str:
        """The store in the folder, else what is wrong with it."""
        try:
            return Store(folder, self._memory, self._now_ms)
        except Exception as error:  # noqa: BLE001 (RocksDB's errors are plain `Exception`s)
            return LOCKED if "/LOCK:" in str(error) else f"it is damaged ({error})"

    def _anew(self, folder: Path, found: Store | str, about: About, why: str) -> Store:
        if isinstance(found, Store):
            found.close()
        log.info("not using the store %s: %s; loading all of partition %d", folder, why, about.partition)
        shutil.rmtree(folder)
        store = self._opened(folder)
        if isinstance(store, str):
            msg = f"expected to begin a store in {folder}, {store}; set KAIROS_DATA_DIR to a folder on a sound disk"
            raise StoreFailed(msg)
        store.begin(about)
        return store

    def _distrust(self, store: Store, folder: Path, about: About, changelog: LogNow) -> str:
        """Why a store is not to be used; an empty text where it is."""
        if (folder / MARK).exists():
            return "reading it failed before"
        try:
            found, place, _ = store.about, store.place, store.meta
        except (msgspec.DecodeError, msgspec.ValidationError, ValueError, StoreFailed) as error:
            return f"its own records make no sense ({error})"
        if found is None:
            return "it is new"
        if found != about:
            return f"it is another table's: expected {about}, got {found}"
        return self._distance(place, changelog)

    def _distance(self, place: Place, changelog: LogNow) -> str:
        if not changelog.earliest <= place.position <= changelog.end:
            return f"its position {place.position} is not in the changelog, {changelog.earliest} to {changelog.end}"
        away_ms = self._now_ms() - place.at_ms
        if not -3_600_000 < away_ms < _LONGEST_AWAY_MS:
            return f"it was left {away_ms / 3_600_000:.1f} h ago; the changelog may have dropped deletions since"
        return ""
