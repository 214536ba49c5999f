"""The disk of a machine: what a worker keeps there outlives the worker, but for what only memory held."""

import shutil
from pathlib import Path
from random import Random
from typing import Final

from streams.table.loader import LogNow
from streams.table.store import Store
from streams.table.stores import Stores

FATES: Final = ("flushed", "flushed", "lost", "lost", "wiped", "damaged")
_MIDDLE: Final = 0.5


class Disk:
    """The stores of one worker after the other. A clean end closes them; what a kill leaves behind is for chance."""

    def __init__(self, folder: Path, rng: Random) -> None:
        self.met: dict[str, int] = {}
        self._folder, self._rng = folder, rng
        self._before = folder.with_name(f"{folder.name}-before")
        self._opened: list[Store] = []

    def stores(self, app_id: str) -> Stores:
        """What a worker that starts now finds."""
        if self._folder.exists():
            shutil.rmtree(self._before, ignore_errors=True)
            shutil.copytree(self._folder, self._before)
        return _Stores(self._folder, app_id, self._opened)

    def ended(self, *, killed: bool) -> None:
        """The worker is gone. Killed: what its stores had not flushed may be lost, or the disk, or a part of it."""
        for store in self._opened:
            store.close()
        fate = self._rng.choice(FATES) if killed and self._opened else "flushed"
        self._opened.clear()
        if fate == "lost":
            shutil.rmtree(self._folder)
            if self._before.exists():
                shutil.copytree(self._before, self._folder)
        elif fate == "wiped":
            shutil.rmtree(self._folder)
        elif fate == "damaged":
            self._damage()
        if fate != "flushed":
            self.met[f"disk {fate}"] = self.met.get(f"disk {fate}", 0) + 1

    def _damage(self) -> None:
        """Flip a bit in the middle of a file of each store."""
        for store in sorted(self._folder.glob("shoppers/*/*")):
            files = sorted(path for path in store.iterdir() if path.suffix == ".sst" or path.name == "CURRENT")
            path = self._rng.choice(files)
            data = bytearray(path.read_bytes())
            data[int(len(data) * self._rng.random() * _MIDDLE)] ^= 0x10
            path.write_bytes(data)


class _Stores(Stores):
    """Remembers which stores are open."""

    def __init__(self, root: Path, app_id: str, opened: list[Store]) -> None:
        super().__init__(root, app_id)
        self._open_now = opened

    def open(self, partition: int, changelog: LogNow) -> Store:
        store = super().open(partition, changelog)
        self._open_now.append(store)
        return store
