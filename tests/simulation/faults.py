"""What goes wrong between a client and the broker, or the models, while faults are about."""

from random import Random
from typing import Final, Literal, NamedTuple

Asked = Literal["append", "commit", "ends", "transaction", "other"]
Fate = Literal["well", "refused", "lost"]
MOST_LOST_S: Final = 30.0


class Outcome(NamedTuple):
    """`refused`: the broker does nothing and says so. `lost`: it does what was asked, and the answer never comes."""

    fate: Fate = "well"
    late_s: float = 0.0


WELL: Final = Outcome()


class Faults:
    """How often what happens, from a seed. Nothing happens from `over_s` on; models have a weather of their own."""

    def __init__(self, rng: Random, over_s: float) -> None:
        self.over_s = over_s
        self.met: dict[str, int] = {}
        self.rates: dict[Asked, float] = {
            "append": rng.choice((0, 0, 0.002)),
            "commit": rng.choice((0, 0.05, 0.2)),
            "ends": rng.choice((0, 0.03, 0.1)),
            "transaction": rng.choice((0, 0, 0.004)),
            "other": 0.0,
        }
        self.slow = rng.choice((0.0, 0.01, 0.03))
        self.model: Literal["up", "down", "slow", "nan", "shape"] = "up"

    def outcome(self, asked: Asked, rng: Random, now_s: float) -> Outcome:
        """What becomes of one request."""
        chance = rng.random()
        if now_s >= self.over_s:
            return WELL
        if chance < self.rates[asked]:
            return self._bad(asked, rng)
        if rng.random() < self.slow:
            return self._count("slow", Outcome("well", rng.choice((0.2, 1.0, 3.0))))
        return WELL

    def _bad(self, asked: Asked, rng: Random) -> Outcome:
        if asked == "ends":
            return self._count("slow ListOffsets", Outcome("well", rng.choice((2.0, 6.0, 12.0))))
        if asked == "commit" and rng.random() < 0.5:
            return self._count("slow commit", Outcome("well", rng.choice((2.0, 5.5))))
        fate: Fate = "refused" if rng.random() < 0.5 else "lost"
        return self._count(f"{asked} {fate}", Outcome(fate))

    def _count(self, what: str, outcome: Outcome) -> Outcome:
        self.met[what] = self.met.get(what, 0) + 1
        return outcome
