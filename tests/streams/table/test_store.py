"""A partition's table on disk: never ahead of the changelog, and not trusted where anything about it is wrong."""

import os
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from schemas.shopper import Cart, Meta, Shopper, encode_shopper
from streams.clock import WallClock
from streams.core.shoppers import SLICES, Shoppers, slice_of
from streams.table.changelog import records
from streams.table.loader import LogNow
from streams.table.store import MARK, Store, StoreFailed
from streams.table.stores import MOST_FOLDERS, Stores

HERE = LogNow("cluster-1/topic-1", 0, 100)
CART = Cart("c", (1, 0, 0, 0), 0, 0, 1_800_000, "EUR", ())


@pytest.fixture
def stores(tmp_path: Path) -> Stores:
    return Stores(tmp_path, "shop")


def left_behind(stores: Stores, position: int = 60, shoppers: int = 2_000) -> None:
    """A store that was closed in good order."""
    store = stores.open(3, HERE)
    known = {b"user-%d" % number: Shopper(fence=number, ids=os.urandom(200)) for number in range(shoppers)}
    store.write(records(known, meta=Meta(offset=7)), position)
    store.close()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "shoppers" / "shop" / "3-0"


def content(store: Store) -> dict[bytes, bytes]:
    return dict(store.slices(range(SLICES)))


def test_what_was_written_is_there_after_a_restart_with_its_place(stores):
    left_behind(stores)

    again = stores.open(3, HERE)

    assert (again.position, again.meta, len(content(again))) == (60, Meta(offset=7), 2_000)
    assert Shoppers(again.shoppers)[b"user-9"].fence == 9


def test_a_slice_is_those_whose_key_falls_into_it(stores):
    left_behind(stores, shoppers=300)
    store = stores.open(3, HERE)

    for nth in {slice_of(b"user-%d" % number) for number in range(300)}:
        assert all(slice_of(key) == nth for key, _ in store.slices([nth]))
    assert set(store) == {b"user-%d" % number for number in range(300)}


def test_who_is_forgotten_is_not_shown_before_and_not_there_after_the_deletion_is_written(stores):
    left_behind(stores)
    store = stores.open(3, HERE)

    store.remove(b"user-5")
    assert (store.get(b"user-5"), b"user-5" in content(store)) == (None, False)

    store.write([(b"user-5", None)], 61)
    store.close()
    assert stores.open(3, HERE).get(b"user-5") is None


def test_whoever_has_something_open_is_found_without_a_look_at_the_others(stores):
    store = stores.open(3, HERE)
    store.write(records({b"ann": Shopper(open_carts=(CART,)), b"bob": Shopper()}), 1)
    store.write(records({b"eve": Shopper(open_carts=(CART,)), b"ann": Shopper()}), 2)
    store.close()

    again = stores.open(3, HERE)

    assert set(again.open_keys()) == {b"eve"}
    assert set(Shoppers(again.shoppers).hot) == {b"eve"}


def test_a_process_that_dies_comes_back_to_a_place_whose_records_are_all_there(tmp_path):
    """Records and place are one batch: whatever was on disk when it died, they agree."""
    script = (
        "import os, sys; from pathlib import Path\n"
        "from streams.table.loader import *; from streams.table.stores import *\n"
        f"store = Stores(Path(sys.argv[1]), 'shop').open(3, {HERE!r})\n"
        "for nth in range(1, 90):\n"
        "    store.write([(b'user-%d' % nth, b'\\x01' + os.urandom(1_000_000))], nth)\n"
        "os._exit(9)"
    )
    subprocess.run([sys.executable, "-c", script, tmp_path], check=False, timeout=60)

    store = Stores(tmp_path, "shop").open(3, HERE)

    assert 0 < store.position < 90
    assert set(content(store)) == {b"user-%d" % nth for nth in range(1, store.position + 1)}


def test_a_place_that_is_not_known_leaves_the_one_before(stores):
    left_behind(stores, position=60)
    store = stores.open(3, HERE)

    store.write([(b"ann", encode_shopper(Shopper()))], -1)

    assert store.position == 60


@pytest.mark.parametrize(
    ("now", "why"),
    [
        (HERE._replace(identity="cluster-2/topic-1"), "another table's"),
        (HERE._replace(identity="cluster-1/topic-2"), "another table's"),
        (HERE._replace(end=59), "position 60 is not in the changelog, 0 to 59"),
        (HERE._replace(earliest=61), "position 60 is not in the changelog, 61 to 100"),
    ],
)
def test_a_store_that_does_not_fit_the_changelog_is_thrown_away(stores, caplog, now, why):
    left_behind(stores)

    with caplog.at_level("INFO"):
        store = stores.open(3, now)

    assert (store.position, content(store), store.meta) == (0, {}, Meta())
    assert why in caplog.text


def test_a_store_that_was_away_for_longer_than_deletions_are_kept_is_thrown_away(tmp_path, stores, caplog):
    left_behind(stores)
    tomorrow_ms = WallClock().now_ms() + 86_400_000

    with caplog.at_level("INFO"):
        store = Stores(tmp_path, "shop", lambda: tomorrow_ms).open(3, HERE)

    assert (store.position, content(store)) == (0, {})
    assert "it was left 24.0 h ago" in caplog.text


def test_a_folder_that_a_zombie_holds_is_left_alone_and_the_next_one_taken(tmp_path, stores):
    left_behind(stores)
    zombie = stores.open(3, HERE)

    replacement = Stores(tmp_path, "shop").open(3, HERE)
    zombie.write([(b"ann", encode_shopper(Shopper()))], 61)

    assert (replacement.position, content(replacement)) == (0, {})
    assert zombie.position == 61


def test_where_all_folders_are_held_the_process_says_so_and_ends(stores):
    held = [stores.open(3, HERE) for _ in range(MOST_FOLDERS)]

    with pytest.raises(StoreFailed, match=f"{MOST_FOLDERS} in use"):
        stores.open(3, HERE)
    assert len(held) == MOST_FOLDERS


def table_file(folder: Path) -> Path:
    return max(folder.glob("*.sst"), key=lambda path: path.stat().st_size)


def flip(path: Path, at: float) -> None:
    damaged = bytearray(path.read_bytes())
    damaged[int(at * (len(damaged) - 1))] ^= 0xFF
    path.write_bytes(damaged)


def truncate(path: Path) -> None:
    os.truncate(path, path.stat().st_size // 2)


def only_tables(folder: Path) -> None:
    for path in folder.iterdir():
        if path.suffix != ".sst":
            path.unlink()


DAMAGE: dict[str, Callable[[Path], object]] = {
    "a flipped byte in the footer": lambda folder: flip(table_file(folder), 0.999),
    "a truncated table": lambda folder: truncate(table_file(folder)),
    "a deleted table": lambda folder: table_file(folder).unlink(),
    "a flipped byte in the manifest": lambda folder: flip(next(folder.glob("MANIFEST*")), 0.5),
    "a truncated manifest": lambda folder: truncate(next(folder.glob("MANIFEST*"))),
    "no manifest": lambda folder: next(folder.glob("MANIFEST*")).unlink(),
    "nonsense in CURRENT": lambda folder: (folder / "CURRENT").write_text("nonsense"),
    "nothing but tables": only_tables,
    "the mark of a reading that failed": lambda folder: (folder / MARK).touch(),
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damage_that_is_seen_at_once_is_rebuilt(stores, folder, damage, caplog):
    left_behind(stores)
    DAMAGE[damage](folder)

    with caplog.at_level("INFO"):
        store = stores.open(3, HERE)

    assert (store.position, content(store), store.meta) == (0, {}, Meta())
    assert "loading all of partition 3" in caplog.text


@pytest.mark.parametrize("read", ["get", "slice"])
def test_damage_that_is_only_seen_on_reading_ends_the_process_and_the_next_start_rebuilds(stores, folder, read):
    left_behind(stores)
    for at in range(5, 95):  # every block of the table has a byte flipped
        flip(table_file(folder), at / 100)
    store = stores.open(3, HERE)

    with pytest.raises(StoreFailed, match="the next start loads the partition from its changelog"):
        _ = [store.get(b"user-%d" % number) for number in range(2_000)] if read == "get" else content(store)
    store.close()

    again = stores.open(3, HERE)
    assert (again.position, content(again)) == (0, {})


@pytest.mark.parametrize("share", [nth / 40 for nth in range(41)])
def test_wherever_a_byte_is_flipped_nothing_wrong_is_ever_served(stores, folder, share):
    left_behind(stores, shoppers=300)
    sound = stores.open(3, HERE)
    expected = content(sound)
    sound.close()
    flip(table_file(folder), share)

    store = stores.open(3, HERE)
    begun_anew = store.position == 0
    try:
        looked_up, scanned = {key: store.get(key) for key in expected}, content(store)
    except StoreFailed:
        return

    assert (looked_up, scanned) == ((dict.fromkeys(expected), {}) if begun_anew else (expected, expected))


def test_a_store_that_nobody_opened_for_too_long_to_be_trusted_is_taken_away_at_the_next_start(
    stores, folder, tmp_path
):
    left_behind(stores)

    Stores(tmp_path, "shop", lambda: WallClock().now_ms() + 22 * 3_600_000).sweep()
    assert folder.exists()

    Stores(tmp_path, "shop", lambda: WallClock().now_ms() + 24 * 3_600_000).sweep()
    assert not folder.exists()


def test_a_store_that_another_process_has_open_is_left_where_it_is(stores, folder, tmp_path):
    script = (
        "import sys; from pathlib import Path\n"
        "from streams.table.loader import *; from streams.table.stores import *\n"
        f"store = Stores(Path(sys.argv[1]), 'shop').open(3, {HERE!r})\n"
        "print('open', flush=True); sys.stdin.read()"
    )
    command = [sys.executable, "-c", script, tmp_path]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as other:
        assert other.stdout.readline() == b"open\n"

        Stores(tmp_path, "shop", lambda: WallClock().now_ms() + 24 * 3_600_000).sweep()

        assert folder.exists()
        other.stdin.close()
