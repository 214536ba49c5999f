"""A real shop's log on real parts: everything in it is found again, and its carts end as a rescan of the file says."""

from collections import Counter
from pathlib import Path

import jsonschema
import msgspec
import pytest

from schemas.dead_letters import PREFIX
from schemas.timeline import decode_entry
from schemas.topics import DEAD_LETTERS
from streams.replay.crash_free import Told
from streams.replay.formats.table import RecordedLog
from tests.integration.whole_path.accounts import settled_accounts
from tests.integration.whole_path.rees46_rescan import episodes, rows
from tests.integration.whole_path.worker_process import ROOT

pytestmark = [pytest.mark.kafka, pytest.mark.triton]
FILE = ROOT.parent / "shared/data/rees46/2019-Oct-first17k.csv.gz"
SPEED = 1_200


@pytest.fixture
def rees46() -> Path:
    """The file, which is not ours to ship."""
    if not FILE.exists():
        pytest.skip(f"the recorded log of a real shop is not at {FILE}: this test proves nothing here")
    return FILE


async def test_a_real_shops_log_comes_out_as_a_naive_rescan_of_the_file_says(open_path, rees46):
    complete, cut_off = rows(rees46)
    async with open_path() as path:
        await path.worker()
        await path.feed(RecordedLog(rees46).arrivals(), SPEED)
        await path.settled()
        replayed = await path.checked()
        accounts = await settled_accounts(path)
        letters = await path.read(*(topic.name for topic in DEAD_LETTERS))
        entries = [decode_entry(r.value) for records in path.timeline.values() for r in records if r.key is not None]

    assert (len(accounts.read), len(accounts.timeline), len(accounts.dead_letters)) == (17_435, 17_434, 1)
    assert (len(complete), cut_off) == (17_434, 1)
    assert f"{FILE.name}:17436" in dict(letters[0].headers)[PREFIX + "exception.message"].decode()
    assert len({entry.detail.message_id for entry in entries}) == len(complete)
    assert len({tuple(row.values()) for row in complete}) == len(complete) - 5

    shoppers = replayed.shoppers.values()
    found = {name: sum(getattr(s, name) for s in shoppers) for name in ("episodes", "abandoned", "bought")}
    assert found == episodes(complete)
    assert sum(shopper.cart_events for shopper in shoppers) == 165
    assert sum(shopper.orders for shopper in shoppers) == 214
    assert sum(shopper.duplicates for shopper in shoppers) == 0

    kinds = Counter(validated(told) for told in replayed.told)
    assert kinds["intervention"] > 0
    assert kinds["decision"] >= found["abandoned"]


def validated(told: Told) -> str:
    """The name of the published schema that an output was validated against. Raises `ValidationError`."""
    type_ = dict(told.headers)["ce_type"].decode()
    name = {"taken": "decision", "issued": "intervention"}.get(type_.split(".")[-2], type_.split(".")[-2])
    document = {"retracted": "retraction"}.get(name, name)
    schema = msgspec.json.decode((ROOT / f"schemas/json/{document}.json").read_bytes())
    jsonschema.validate(msgspec.json.decode(told.value), schema)
    return document
