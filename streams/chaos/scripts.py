"""What a scripted shopper does, and what must come of it: both follow from the shopper's id, and from nothing else.

Times are in units of the idle time after which a cart counts as abandoned. The expectations are written by hand; they
share no code with the rules that they judge.
"""

from typing import Final, Literal, NamedTuple

Act = Literal["view", "add", "look", "remove", "buy"]


class Step(NamedTuple):
    """One event: `at` idle times after the shopper came. `merges` is the other cart that is merged into `cart`."""

    at: float
    act: Act
    cart: str = ""
    merges: str = ""


class Nudge(NamedTuple):
    """The cart was abandoned, `at` idle times after the shopper came: a nudge must say so, once.

    `bought_later`: a purchase follows. Then the nudge is retracted, once; or the purchase was known already when the
    deadline passed, and the nudge is suppressed instead.
    """

    cart: str
    at: float
    bought_later: bool = False


class Script(NamedTuple):
    """A visit, in the order of its events, and every nudge that comes of it."""

    steps: tuple[Step, ...]
    nudges: tuple[Nudge, ...] = ()


SCRIPTS: Final = {
    "browses": Script((Step(0, "view"), Step(0.1, "view"), Step(0.4, "view"))),
    "buys": Script((Step(0, "view"), Step(0.1, "add", "one"), Step(0.2, "view"), Step(0.6, "buy", "one"))),
    "buys-in-the-last-moment": Script((Step(0, "add", "one"), Step(0.999, "buy", "one"))),
    "abandons": Script((Step(0, "view"), Step(0.1, "add", "one"), Step(0.2, "view")), (Nudge("one", 1.1),)),
    "buys-too-late": Script(
        (Step(0, "add", "one"), Step(1.5, "buy", "one")), (Nudge("one", 1.0, bought_later=True),)
    ),
    "comes-back-and-buys": Script((Step(0, "add", "one"), Step(0.8, "add", "one"), Step(1.5, "buy", "one"))),
    "comes-back-and-abandons": Script((Step(0, "add", "one"), Step(0.8, "look", "one")), (Nudge("one", 1.8),)),
    "empties": Script((Step(0, "add", "one"), Step(0.3, "remove", "one"))),
    "merges": Script((Step(0, "add", "one"), Step(0.5, "add", "two", merges="one")), (Nudge("two", 1.5),)),
    "abandons-twice": Script(
        (Step(0, "add", "one"), Step(1.6, "add", "two")), (Nudge("one", 1.0), Nudge("two", 2.6))
    ),
    "buys-one-of-two": Script(
        (Step(0, "add", "one"), Step(0.2, "add", "two"), Step(0.7, "buy", "two")), (Nudge("one", 1.0),)
    ),
}  # fmt: skip
LONGEST: Final = 2.6
"""Idle times after which every script has come to its end."""


class Shopper(NamedTuple):
    """Who follows a script. The id says which one, and since when."""

    script: str
    came_ms: int
    number: int

    @property
    def id(self) -> str:
        """The user id, for example `abandons.1700000000000.17`."""
        return f"{self.script}.{self.came_ms}.{self.number}"

    def at_ms(self, at: float, idle_ms: int) -> int:
        """Log time of a moment of the script."""
        return self.came_ms + round(at * idle_ms)


def shopper_of(user_id: str) -> Shopper | None:
    """The shopper with this id, None where it is nobody's who follows a script.

    >>> shopper_of("abandons.5000.17")
    Shopper(script='abandons', came_ms=5000, number=17)
    >>> shopper_of("malformed.17") is None
    True
    """
    script, _, rest = user_id.partition(".")
    came, _, number = rest.partition(".")
    if script not in SCRIPTS or not (came.isdecimal() and number.isdecimal()):
        return None
    return Shopper(script, int(came), int(number))
