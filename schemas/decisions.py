"""What was decided, and what was known: one record on `shop.decisions.v1` for each scored request."""

from typing import Literal

import msgspec

Mode = Literal["model", "previous_model", "rules"]
"""The rung of the ladder that answered."""

Reason = Literal[
    "no_consent", "unsubscribed", "missing_identifier", "frequency_cap", "quiet_hours", "not_eligible",
    "already_converted", "cooldown", "expired", "lower_priority", "budget_exhausted", "out_of_stock", "holdout",
    "low_confidence", "stale_features", "duplicate", "stale_timer", "paused", "bot",
]  # fmt: skip
"""Why a candidate was not sent. The list is closed."""


class Model(msgspec.Struct, frozen=True, kw_only=True):
    """The model that answered."""

    name: str
    version: str


class Contribution(msgspec.Struct, frozen=True, kw_only=True):
    """What a feature was, and how much it pushed abandon_30m, in probability; 0 where that is not known.

    A feature is a number of the context, the hour, or a kind of event, whose value is how many the model saw.
    """

    feature: str
    value: float
    contribution: float = 0.0


class Policy(msgspec.Struct, frozen=True, kw_only=True):
    """The policy that chose, and the checks it made, in order."""

    id: str
    version: str
    trace: tuple[str, ...] = ()


class Decided(msgspec.Struct, frozen=True, kw_only=True):
    """The part of a decision that goes on an intervention too.

    `scores` are probabilities in [0, 1] by head. `propensity` is the probability with which the policy chose this act,
    to send or to hold back: 1 where it had no choice or did not explore.
    """

    mode: Mode
    model: Model | None
    scores: dict[str, float]
    propensity: float
    reasons: tuple[Contribution, ...]
    policy: Policy


class Decision(msgspec.Struct, frozen=True, kw_only=True):
    """A scored decision. `at_ms` is log time; `now_ms` is what the clock said when it was taken.

    `cause` is the cause that ids are made from. `action` is an intervention's kind, or "none"; `outcome` says whether
    it was sent. `features` is the xxh3 digest of the history and context that were asked about, 16 hex digits.
    """

    decision_id: str
    user_id: str
    asked: Literal["event", "timer"]
    cause: str
    at_ms: int
    now_ms: int
    features: str
    action: str
    outcome: Literal["none", "sent", "suppressed"]
    decision: Decided
    suppressed: Reason | None = None


_encode = msgspec.json.Encoder().encode
decode_decision = msgspec.json.Decoder(Decision).decode


def encode_decision(decision: Decision) -> bytes:
    """The JSON of a decision."""
    return _encode(decision)
