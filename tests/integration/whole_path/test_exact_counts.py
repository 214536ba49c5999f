"""From a producer's bytes to interventions, on real parts: everything is counted, and nothing else is there."""

import msgspec
import pytest

from schemas.topics import CART
from streams.feed import Arrival
from tests.integration.whole_path.accounts import message_id, repeats, settled_accounts

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
HOUR_MS = 3_600_000
SPEED = 1_200


async def test_all_that_was_read_is_in_the_timeline_or_a_dead_letter_and_replay_equals_live(open_path, shop_log):
    async with open_path() as path:
        await path.worker()
        await path.feed(shop_log, SPEED)
        await path.feed(late := stragglers(shop_log, path.told_ms), run_on_ms=HOUR_MS)
        await path.settled()
        replayed = await path.checked()
        accounts = await settled_accounts(path)

    assert len(accounts.read) == len(shop_log) + len(late)
    assert len(accounts.dead_letters) >= 0.005 * len(shop_log)
    shoppers = replayed.shoppers.values()
    assert sum(shopper.duplicates for shopper in shoppers) == repeats(shop_log) > 0
    assert sum(shopper.late for shopper in shoppers) >= len(late)
    ended = sum(shopper.abandoned + shopper.bought + shopper.emptied + shopper.merged for shopper in shoppers)
    assert sum(shopper.episodes for shopper in shoppers) == ended > 50
    assert {told.topic for told in replayed.told} >= {"shop.decisions.v1", "shop.interventions.cart_nudge.v1"}


def stragglers(arrivals: list[Arrival], at_ms: int) -> list[Arrival]:
    """Ten cart events with new ids and their old times, which arrive only now."""
    carts = [arrival for arrival in arrivals if arrival.topic == CART.name and message_id(arrival) is not None][:10]
    return [arrival._replace(at_ms=at_ms, value=renamed(arrival.value, f"late-{n}")) for n, arrival in enumerate(carts)]


def renamed(value: bytes, id_: str) -> bytes:
    return msgspec.json.encode(msgspec.json.decode(value) | {"messageId": id_})
