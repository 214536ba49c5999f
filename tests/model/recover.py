"""Oracle (c): one shopper, any log, its record any distance ahead of the commit, then a crash."""

from random import Random

from xxhash import xxh3_64_intdigest

from inference.answers import Answer, Scores
from schemas.decisions import Model
from schemas.kinds import Kind
from schemas.shopper import decode_shopper, encode_shopper
from streams.core.encoded import Encoded
from streams.pipeline import Partition, Write
from tests.model.decide_process import POLICY, DecideProcess, rules
from tests.model.shop import BORN_S, DAY_S, IDLE_S, SHOPPERS
from tests.streams.builders import Log, Record

ANN = SHOPPERS[0]
MODEL = Model(name="m", version="1")
KINDS = (
    *(Kind.PRODUCT_VIEWED, Kind.PRODUCT_ADDED, Kind.PRODUCT_ADDED, Kind.PRODUCT_ADDED, Kind.PRODUCT_REMOVED),
    *(Kind.CHECKOUT_STARTED, Kind.ORDER_COMPLETED, Kind.CONSENT_UPDATED),
)


def recovers(seed: int, decide: type[DecideProcess]) -> bool:
    """Whether the shopper's record and what was sent are those of a run without a crash."""
    rng = Random(seed)
    log, settings = random_log(rng), rules(forgets=rng.random() < 0.3)
    committed = rng.randrange(len(log))
    ahead = rng.randrange(committed, len(log))
    free, first, second = (decide.partition_class(decide.shard_class(), settings, POLICY) for _ in range(3))

    _run(free, log)
    _run(first, log[:committed])
    commit, meta = first.commit(), first.shard.meta()
    _run(first, log[committed:ahead])
    shopper = first.shard.shoppers.get(ANN) or first.shard.forgotten.get(ANN)
    stored = {} if shopper is None else {ANN: encode_shopper(shopper)}
    second.shard.restore(Encoded.of({key: decode_shopper(value) for key, value in stored.items()}), meta)
    _run(second, log[committed:])

    end, emit, late = free.commit(), first.emit(), second.commit()
    sent = commit.outputs + emit.outputs + late.outputs
    return sorted(end.outputs) == sorted(sent) and _left(end) == _left(late, stored)


def random_log(rng: Random) -> list[Record]:
    """Events of one shopper, early and late, repeats, and TICKs that fall too; midnight is somewhere among them."""
    log, midnight_s = Log(), BORN_S + DAY_S
    for _ in range(rng.randrange(3, 10)):
        at_s = midnight_s + rng.randrange(-50, 50)
        if rng.random() < 0.4:
            log.tick(at_s)
        else:
            kind = rng.choice(KINDS)
            more = {"consents": (("marketing", rng.random() < 0.5),)} if kind == Kind.CONSENT_UPDATED else {}
            log.add(kind, at_s, user=ANN.decode(), cart_id=rng.choice(("", "", "a")), **more)
        if rng.random() < 0.1 and log.records[-1].key is not None:
            log.records.append(log.records[-1]._replace(offset=len(log.records)))
    return log.tick(midnight_s + 60 + IDLE_S).records


def _run(part: Partition, log: list[Record]) -> None:
    """Record by record, with scores that depend on the cause only."""
    for record in log:
        made = part.step((record,))
        chances = [xxh3_64_intdigest(ask.cause.encode()) % 1_000 / 1_000 for ask in made if ask.request is not None]
        if made:
            part.answer(made, Answer("model", MODEL, [Scores(1 - x, x, ()) for x in chances]), made[0].at_ms)


def _left(write: Write, before: dict[bytes, bytes] | None = None) -> dict[bytes, bytes]:
    """What the changelog holds after a write."""
    return {key: value for key, value in ((before or {}) | dict(write.changelog)).items() if value is not None}
