"""What came of each decision of a replay: a table beside the decisions, told by the log itself.

Decisions and what may come of them (events of carts and purchases) go to disk as they come, by shopper. At the end each
shopper's `Story` says what came of them: the same labels that models are trained on, in the memory of a few shoppers.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Final, Literal, NamedTuple

import msgspec

from schemas.decisions import Reason
from schemas.kinds import FIRST_CART, LAST_PURCHASE
from schemas.timeline import SLOT_AT, TAIL_AT
from schemas.topics import DECISIONS
from streams.core.asks import Ask, episode_cause
from streams.core.outputs import Output
from streams.replay.labels import Stories, Story
from streams.replay.moments import Seen
from streams.replay.spool import Spool, buckets
from streams.replay.timeline import Logged
from streams.replay.timeline_lines import mistake


class Moment(msgspec.Struct, frozen=True, kw_only=True):
    """A decision, and what was expected: probabilities by rules are None. `cart_id` is None where no cart was open.

    `cause` is the decision's, and `episode` that of the cart that may be addressed: neither changes with the policy.
    `intervention_id` is that of what was sent or held back, None where nothing was to be done. `at_ms` is log time.
    """

    decision_id: str
    user_id: str
    cause: str
    episode: str | None
    cart_id: str | None
    asked: Literal["event", "timer"]
    at_ms: int
    action: str
    outcome: Literal["none", "sent", "suppressed"]
    suppressed: Reason | None
    intervention_id: str | None
    mode: str
    abandon_30m: float | None
    purchase_24h: float | None


class DecisionOutcome(Moment, frozen=True, kw_only=True):
    """A decision and what came of it; None where the log does not say, or not yet.

    `cart_abandoned`: the cart it is about ran into its deadline, `cart_ended_after_ms` later (however it ended).
    `bought_24h`: the shopper bought within a day, as far as the log reaches so far. `bought_after_ms`: how long it took
    to the next purchase, whenever that was.
    """

    cart_abandoned: bool | None
    cart_ended_after_ms: int | None
    bought_24h: bool | None
    bought_after_ms: int | None


class _Made(msgspec.Struct, frozen=True, array_like=True, tag=True, gc=False):
    shopper: bytes
    partition: int
    moment: Moment


class _About(NamedTuple):
    """The cart that the shopper sees, and the episode that may be addressed."""

    cart_id: str | None
    episode: str | None


NO_CART: Final = _About(None, None)


class _Decided(msgspec.Struct, gc=False):
    mode: str
    scores: dict[str, float]


class _Decision(msgspec.Struct, gc=False):
    """The fields of a decision that are wanted here."""

    decision_id: str
    user_id: str
    asked: Literal["event", "timer"]
    cause: str
    at_ms: int
    action: str
    outcome: Literal["none", "sent", "suppressed"]
    decision: _Decided
    suppressed: Reason | None = None


_encode: Final = msgspec.msgpack.Encoder().encode
_decode: Final = msgspec.msgpack.Decoder(Seen | _Made).decode
_decision: Final = msgspec.json.Decoder(_Decision).decode


class Taken:
    """Writes down, for `outcomes`, the decisions of a share and what may come of them."""

    def __init__(self, spool: Spool) -> None:
        self._spool = spool
        self._carts: dict[tuple[str, str], _About] = {}  # of asks whose decision is not told yet

    def see(self, record: Logged) -> None:
        """Take a record of the timeline."""
        key, value = record.key, record.value
        if key is None or len(value) < TAIL_AT or not FIRST_CART <= value[SLOT_AT] <= LAST_PURCHASE:
            return
        if mistake(record) is None:
            self._spool.put(key, _encode(Seen(key, value)))

    def answered(self, ask: Ask) -> None:
        """An ask was answered; its decision will be told."""
        if ask.asked != "purchase":
            cart_id = ask.cart.key if ask.asked == "timer" and ask.cart else ask.cart_key
            episode = episode_cause(ask.cart) if ask.cart else None
            self._carts[ask.key.decode(), ask.cause] = _About(cart_id, episode)

    def tell(self, partition: int, outputs: Sequence[Output]) -> None:
        """Take what was decided. An intervention, or what was held back, follows its decision."""
        for place, output in enumerate(outputs):
            if output.topic == DECISIONS.name:
                taken = _decision(output.value)
                follows = outputs[place + 1] if taken.action != "none" else None
                moment = self._moment(taken, follows)
                self._spool.put(output.key, _encode(_Made(output.key, partition, moment)))

    def _moment(self, taken: _Decision, follows: Output | None) -> Moment:
        scores = taken.decision.scores
        about = self._carts.pop((taken.user_id, taken.cause), NO_CART)
        return Moment(
            decision_id=taken.decision_id,
            user_id=taken.user_id,
            cause=taken.cause,
            episode=about.episode,
            cart_id=about.cart_id,
            asked=taken.asked,
            at_ms=taken.at_ms,
            action=taken.action,
            outcome=taken.outcome,
            suppressed=taken.suppressed,
            intervention_id=None if follows is None else dict(follows.headers)["ce_id"].decode(),
            mode=taken.decision.mode,
            abandon_30m=scores.get("abandon_30m"),
            purchase_24h=scores.get("purchase_24h"),
        )


def outcomes(folder: Path, end_ms: int, cart_idle_ms: int) -> Iterator[tuple[int, DecisionOutcome]]:
    """The decisions of a share by partition, from its spool. `end_ms`: the time of the whole log's last event.

    The order within a partition does not depend on which others were in the share.
    """
    for bucket in buckets(folder):
        stories, taken = Stories(end_ms, cart_idle_ms), list[_Made]()
        for record in map(_decode, bucket):
            if isinstance(record, _Made):
                taken.append(record)
            else:
                stories.see(record.key, record.value)
        for one in taken:
            yield one.partition, _outcome(one.moment, stories.of(one.shopper))


def _outcome(moment: Moment, story: Story) -> DecisionOutcome:
    at_ms = moment.at_ms
    episode = None if moment.cart_id is None else story.episode(at_ms, moment.cart_id)
    known = episode is not None and episode.abandoned is not None
    bought_ms = story.next_purchase_ms(at_ms)
    return DecisionOutcome(
        **msgspec.structs.asdict(moment),
        cart_abandoned=episode.abandoned if episode is not None else None,
        cart_ended_after_ms=episode.ended_ms - at_ms if episode is not None and known else None,
        bought_24h=story.purchased(at_ms),
        bought_after_ms=None if bought_ms is None else bought_ms - at_ms,
    )
