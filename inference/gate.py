"""Whether a compressed model may take the place of the one it was made from: about as good, and clearly faster."""

from typing import Any, Final

import msgspec
import numpy as np
import numpy.typing as npt

from inference.dataset import Examples
from inference.evaluate import average_precision
from inference.heads import HEADS
from inference.inputs import OUTPUTS

MOST_LOST: Final = 0.01
"""The share of its PR-AUC that a head may lose."""
FEWEST: Final = 50
"""With fewer examples of the rarer answer, a PR-AUC is mostly chance."""
LEAST_TIMES: Final = {"int8": 1.2, "lstm": 1.5}
"""How many times as fast a compressed model must be, by what it was compressed to."""
LIVE: Final = tuple(h.name for h in HEADS if h.answers == "chance" and h.name in {output.name for output in OUTPUTS})
"""The chances that the live path asks for: they are judged."""

Answers = dict[str, npt.NDArray[Any]]


class Kept(msgspec.Struct, frozen=True, kw_only=True):
    """The PR-AUC of one head before and after; None of one that is not judged.

    `rarer`: of how many examples the answer is the rarer one.
    """

    rarer: int
    before: float | None = None
    after: float | None = None


class Compression(msgspec.Struct, frozen=True, kw_only=True):
    """What a compression kept and what it gained. `bytes`: of the ONNX files, before and after."""

    to: str
    heads: dict[str, Kept]
    times_as_fast: float
    bytes: tuple[int, int]


def kept(before: Answers, after: Answers, examples: Examples) -> dict[str, Kept]:
    """How good each live chance is on the examples, before and after; answers are by name of the head."""
    return {name: _kept(before[name], after[name], examples[name]) for name in LIVE}


def _kept(before: npt.NDArray[Any], after: npt.NDArray[Any], label: npt.NDArray[Any]) -> Kept:
    known = ~np.isnan(label)
    came = label[known] > 0.5
    rarer = int(min(came.sum(), (~came).sum()))
    if rarer < FEWEST:
        return Kept(rarer=rarer)
    first, then = (average_precision(answer[known].astype(np.float64), came) for answer in (before, after))
    return Kept(rarer=rarer, before=first, after=then)


def refusals(found: Compression) -> list[str]:
    """Why the compressed model is not to be used; empty where it is."""
    judged = {name: one for name, one in found.heads.items() if one.before is not None}
    least = LEAST_TIMES[found.to]
    reasons = [_lost(name, one) for name, one in judged.items() if _too_much(one)]
    if not judged:
        reasons.append(f"no head can be judged ({'; '.join(not_judged(found))}): give a longer log")
    if found.times_as_fast < least:
        reasons.append(f"it is {found.times_as_fast:.2f} times as fast, {least:g} times are needed")
    return reasons


def not_judged(found: Compression) -> list[str]:
    """The heads about which nothing can be said, and why."""
    thin = {name: one.rarer for name, one in found.heads.items() if one.before is None}
    return [f"{name} is not judged: {rarer} of its rarer answer, {FEWEST} are needed" for name, rarer in thin.items()]


def _too_much(one: Kept) -> bool:
    return not (one.after or 0.0) >= (one.before or 0.0) * (1 - MOST_LOST)


def _lost(name: str, one: Kept) -> str:
    before, after = one.before or 0.0, one.after or 0.0
    return (
        f"{name} falls from a PR-AUC of {before:.4f} to {after:.4f} ({after / before - 1:+.1%}), "
        f"{-MOST_LOST:.0%} is allowed"
    )
