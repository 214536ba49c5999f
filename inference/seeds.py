"""Chance that a seed repeats."""

from collections.abc import Iterator
from contextlib import contextmanager

import numpy as np
import torch


@contextmanager
def reproducible(seed: int, threads: int) -> Iterator[None]:
    """Torch's chance and threads as said, and afterwards as they were."""
    before = torch.get_num_threads()
    torch.set_num_threads(threads)
    try:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(seed)
            yield
    finally:
        torch.set_num_threads(before)


def epoch_seed(seed: int, epoch: int) -> int:
    """The seed of an epoch's chance: its own, so that a training that goes on needs no memory of the chance before."""
    return int(np.random.SeedSequence((seed, epoch)).generate_state(1)[0])
