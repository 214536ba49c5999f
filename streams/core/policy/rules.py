"""The policy file: what is worth sending, to whom, and how often. Read once at the start; wrong values stop it."""

from typing import Annotated

import msgspec

Probability = Annotated[float, msgspec.Meta(ge=0, le=1)]
Seconds = Annotated[int, msgspec.Meta(ge=0)]
MinorUnits = Annotated[int, msgspec.Meta(ge=0)]


class _Table(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A table of the file: a name that is not known is a mistake, not a wish."""


class ConsentRule(_Table, frozen=True, kw_only=True):
    """Whom we may address. `required`: only who said yes; else everybody who did not say no.

    When consent has been read only up to `max_age_s` before a decision, nobody is addressed.
    """

    category: str = "marketing"
    required: bool = False
    max_age_s: Seconds = 3_600


class Caps(_Table, frozen=True, kw_only=True):
    """At most `per_shopper` interventions of all kinds in a rolling window of `window_s`, 30 days at most.

    A shopper's record remembers what was sent for so long.
    """

    per_shopper: Annotated[int, msgspec.Meta(ge=0)] = 3
    window_s: Annotated[int, msgspec.Meta(ge=0, le=30 * 86_400)] = 86_400


class CartNudge(_Table, frozen=True, kw_only=True):
    """For a cart that was abandoned. `max_purchase_24h`: whoever will buy anyway is left alone.

    `max_late_s`: a nudge that would come later than this after the cart's deadline is stale.
    """

    enabled: bool = True
    min_value: MinorUnits = 0
    max_purchase_24h: Probability = 1.0
    max_late_s: Seconds = 3_600
    expires_s: Seconds = 86_400
    channel_hints: tuple[str, ...] = ("email", "push")


class CartAtRisk(_Table, frozen=True, kw_only=True):
    """For an open cart that the model expects to be abandoned with at least `min_abandon_30m`."""

    enabled: bool = True
    min_abandon_30m: Probability = 0.85
    min_value: MinorUnits = 0
    max_late_s: Seconds = 300
    expires_s: Seconds = 1_800
    channel_hints: tuple[str, ...] = ("onsite",)


class Explore(_Table, frozen=True, kw_only=True):
    """For which share of cart nudges a fair coin decides, by a hash with this seed: what `kairos estimate` needs.

    A decision tells its propensity. With another seed other carts are drawn.
    """

    share: Probability = 0.0
    seed: str = ""

    def __post_init__(self) -> None:
        """Raises `ValueError` where chance has no seed."""
        if self.share and not self.seed:
            raise ValueError("expected a seed beside explore.share, got none; name one, e.g. seed = '2026-11'")


class PolicyRules(_Table, frozen=True, kw_only=True):
    """The whole file. `version` is part of every intervention's id: a new version may address a cause again."""

    id: str
    version: str
    consent: ConsentRule = ConsentRule()
    caps: Caps = Caps()
    cart_nudge: CartNudge = CartNudge()
    cart_at_risk: CartAtRisk = CartAtRisk()
    explore: Explore = Explore()


def parse(text: str) -> PolicyRules:
    """The policy of a TOML text. Raises `msgspec.ValidationError` or `DecodeError`, which name the place."""
    return msgspec.toml.decode(text, type=PolicyRules)
