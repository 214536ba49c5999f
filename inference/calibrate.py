"""Temperature scaling: one number for each head makes its probabilities mean what they say (Guo et al. 2017)."""

from typing import Final

import torch
from torch import Tensor

from inference.heads import HEADS
from inference.learned import Learned, losses
from inference.models.heads import Logits, Served, cooled

_COLDEST, _HOTTEST = 0.05, 20.0
_STEPS: Final = 100


def temperatures(model: Served, learned: Learned) -> Tensor:
    """The temperature of each head under which its answers on `learned` are most probable, shape (7,).

    1 for a head none of whose labels is known.
    """
    logits = _logits(model, learned)
    logs = torch.zeros(len(HEADS), requires_grad=True, device=learned.context.device)
    optimizer = torch.optim.LBFGS([logs], max_iter=_STEPS, line_search_fn="strong_wolfe")

    def closure() -> Tensor:
        optimizer.zero_grad()
        loss = losses(cooled(logits, logs.exp()), learned).sum()
        loss.backward()  # type: ignore[no-untyped-call]  # torch has no types here
        return loss

    optimizer.step(closure)  # type: ignore[no-untyped-call]
    return logs.detach().exp().clamp(_COLDEST, _HOTTEST)


def _logits(model: Served, learned: Learned) -> Logits:
    model.eval()
    with torch.no_grad():
        parts = [model.logits(*part[:3]) for part in learned.parts()]
    return Logits(*map(torch.cat, zip(*parts, strict=True)))
