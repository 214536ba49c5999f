"""Why a model says what it says of one shopper: integrated gradients of each event and each number of the context.

The score is followed along the straight way from nothing to what was asked, and each part is given the change that it
caused on it: Sundararajan, Taly, Yan, Axiomatic Attribution for Deep Networks, ICML 2017. Attention was not chosen:
only two of the models have any, and it tells where a model looked, not what came of it (Jain and Wallace, Attention is
not Explanation, NAACL 2019). What makes these numbers worth trusting is that they add up (their axiom of completeness):
all pushes together are the score less the score at the beginning of the way.

The way begins at a shopper whose context is the mean of what was learned from, and whose events are vectors of zeros in
place of what a model reads at each event. For the recurrent models that is exactly an empty history. The others also
look at how many events there are and when, so for them it is as many events of which nothing but the time is known.
"""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final, NamedTuple

import msgspec
import torch
from torch import Tensor, nn

from inference.heads import HEADS
from inference.inputs import CONTEXT, INPUTS, Request, tensors
from inference.models.heads import Logits, Served, calibrated
from schemas.history import SLOT_SIZE

MOST_APART: Final = 1e-3
"""So far the pushes may add up to something else than the scores differ by, before smaller steps are taken."""
_STEPS: Final = (64, 256, 1024, 4096)
CHANCES: Final = tuple(head.name for head in HEADS if head.answers == "chance")
"""The heads that can be explained: those that answer with one probability."""
_BOUGHT, _SINE, _COSINE = range(len(CONTEXT), INPUTS[2].shape[0])
_SINCE: Final = CONTEXT.index("since_purchase_s")


class Explanation(msgspec.Struct, frozen=True, kw_only=True):
    """What moved a probability, in probability: `start` and all pushes together are `score`, but for `apart`.

    `events`: the push of each event of the history, oldest first. `context`: by name in `CONTEXT`, and `hour_of_day`.
    """

    head: str
    score: float
    start: float
    apart: float
    events: tuple[float, ...]
    context: dict[str, float]


class _Way(NamedTuple):
    """A straight way: what is read at each event, shape (T, E), the standardised context, shape (C,), and a function.

    `at` gives the probability, shape (K,), at K points: from shares of the steps, shape (K, T, E), and of the context.
    """

    steps: Tensor
    context: Tensor
    at: Callable[[Tensor, Tensor], Tensor]


def explain(model: Served, request: Request, head: str) -> Explanation:
    """Why the model gives the head's probability to the request. The model is left in evaluation mode.

    Raises `ValueError` for a head that does not answer with one probability.
    """
    if head not in CHANCES:
        raise ValueError(f"expected a head that answers with a probability ({', '.join(CHANCES)}), got {head}")
    model.eval()
    way = _way(model, request, head)
    with torch.no_grad():
        start, score = _points(way, torch.tensor([0.0, 1.0]))[0].tolist()
    for count in _STEPS:
        events, context = _pushes(way, count)
        apart = float(events.sum() + context.sum()) - (score - start)
        if abs(apart) <= MOST_APART:
            break
    happened = len(request.history) // SLOT_SIZE
    return Explanation(
        head=head,
        score=score,
        start=start,
        apart=apart,
        events=tuple(events[len(events) - happened :].tolist()),
        context=_named(context.tolist()),
    )


def _way(model: Served, request: Request, head: str) -> _Way:
    ids, numbers, raw = (torch.from_numpy(tensor) for tensor in tensors([request]).values())
    nth = [one.name for one in HEADS].index(head)
    steps_of = model.model.get_submodule("steps")
    with torch.no_grad():
        steps, context = steps_of(ids, numbers)[0], model.standard(raw)[0]

    def at(steps: Tensor, context: Tensor) -> Tensor:
        count = len(context)
        with _reading(steps_of, steps):
            logits: Logits = model.model(ids.expand(count, -1, -1), numbers.expand(count, -1, -1), context)
        return calibrated(logits, model.temperatures, model.biases)[nth].sigmoid()

    return _Way(steps, context, at)


@contextmanager
def _reading(steps_of: nn.Module, steps: Tensor) -> Iterator[None]:
    """What is read at each event is `steps`, whatever the events are."""

    def instead(*_: Any) -> Tensor:
        return steps

    hook = steps_of.register_forward_hook(instead)
    try:
        yield
    finally:
        hook.remove()


def _points(way: _Way, shares: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """The probability at these shares of the way, shape (K,), and the points, which gradients can be asked of."""
    steps = (shares[:, None, None] * way.steps).requires_grad_()  # (K, T, E)
    context = (shares[:, None] * way.context).requires_grad_()  # (K, C)
    return way.at(steps, context), steps, context


def _pushes(way: _Way, count: int) -> tuple[Tensor, Tensor]:
    """The pushes of the events, shape (T,), and of the context, shape (C,): from gradients in the middle of steps."""
    shares = (torch.arange(count) + 0.5) / count
    chance, steps, context = _points(way, shares)
    by_steps, by_context = torch.autograd.grad(chance.sum(), (steps, context))
    return (by_steps.mean(0) * way.steps).sum(-1), by_context.mean(0) * way.context


def _named(pushes: list[float]) -> dict[str, float]:
    """The pushes by name, those of one fact together: its time and whether it ever was, and the hour of the day."""
    named = dict(zip(CONTEXT, pushes, strict=False))
    named[CONTEXT[_SINCE]] += pushes[_BOUGHT]
    named["hour_of_day"] = pushes[_SINE] + pushes[_COSINE]
    return named
