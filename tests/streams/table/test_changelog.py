import msgspec
import pytest

from schemas.shopper import META_KEY, Meta, Shopper, encode_meta, encode_shopper
from streams.core.shoppers import Shoppers
from streams.table.changelog import Restored, records


def restored(*transactions: list[tuple[bytes, bytes | None]]) -> Restored:
    partition = Restored()
    for transaction in transactions:
        for key, value in transaction:
            partition.apply(key, value)
    return partition


def test_what_is_written_is_what_is_restored() -> None:
    shopper = Shopper(fence=7, events=3, ring=bytearray(b"x" * 87), consents=(("email", True),))
    meta = Meta(offset=8, watermark_ms=1_000, sources=((1, 0, 5, 0),))

    partition = restored(records({b"anna": shopper}, meta=meta))

    assert Shoppers(partition.shoppers) == {b"anna": shopper}
    assert partition.meta == meta


def test_the_meta_record_comes_last() -> None:
    keys = [key for key, _ in records({b"anna": Shopper()}, [b"berta"], Meta())]

    assert keys == [b"anna", b"berta", META_KEY]


def test_the_last_record_of_a_shopper_counts() -> None:
    partition = restored(records({b"anna": Shopper(fence=1)}), records({b"anna": Shopper(fence=2)}))

    assert Shoppers(partition.shoppers)[b"anna"].fence == 2


def test_a_forgotten_shopper_is_gone_and_may_come_back() -> None:
    gone = restored(records({b"anna": Shopper(fence=1)}), records({}, [b"anna"]))
    back = restored(records({b"anna": Shopper(fence=1)}), records({}, [b"anna"]), records({b"anna": Shopper(fence=9)}))

    assert Shoppers(gone.shoppers) == {}
    assert Shoppers(back.shoppers)[b"anna"].fence == 9


def test_a_shopper_who_came_back_in_the_same_transaction_is_not_deleted() -> None:
    partition = restored(records({b"anna": Shopper(fence=9)}, [b"anna"]))

    assert Shoppers(partition.shoppers)[b"anna"].fence == 9


def test_deleting_who_was_never_there_is_no_mistake() -> None:
    assert Shoppers(restored(records({}, [b"anna"])).shoppers) == {}


def test_a_transaction_without_meta_record_leaves_the_meta_as_it_was() -> None:
    partition = restored(records({}, meta=Meta(offset=5)), records({b"anna": Shopper()}))

    assert partition.meta.offset == 5


def test_an_empty_changelog_begins_at_offset_zero() -> None:
    assert restored().meta == Meta(offset=0, watermark_ms=-1)


@pytest.mark.parametrize("key", [b"anna", META_KEY])
def test_records_of_a_newer_version_are_refused(key: bytes) -> None:
    with pytest.raises(ValueError, match="upgrade this worker"):
        Restored().apply(key, b"\x02" + encode_shopper(Shopper())[1:])


def test_a_damaged_record_is_refused() -> None:
    with pytest.raises(msgspec.DecodeError):
        Restored().apply(META_KEY, encode_meta(Meta(offset=1 << 40))[:-2])


def test_bytes_that_are_no_shopper_are_refused_when_they_are_read() -> None:
    with pytest.raises(msgspec.DecodeError):
        Restored().apply(b"anna", encode_shopper(Shopper(ids=bytes(60)))[:-2])
