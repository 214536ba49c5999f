"""What is particular to the autoencoder: its latent, its bound, and that it finds strange shoppers strange."""

from functools import cache

import numpy as np
import torch
from torch.distributions import Normal, kl_divergence

from inference.dataset import gather, split
from inference.evaluate import roc_auc
from inference.learned import Learned
from inference.models.heads import Served
from inference.models.vae import Latent, Vae
from inference.train import Plan, train
from tests.inference.shop import examples


def latent(rows: int = 4, seed: int = 0) -> Latent:
    generator = torch.Generator().manual_seed(seed)
    return Latent(*(torch.randn(rows, 6, generator=generator, requires_grad=True) for _ in range(2)))


def test_the_divergence_is_that_of_two_normal_distributions() -> None:
    some = latent()
    posterior = Normal(some.mean, (some.log_variance / 2).exp())

    torch.testing.assert_close(some.divergence(), kl_divergence(posterior, Normal(0.0, 1.0)).sum(dim=1))


def test_the_divergence_is_none_from_the_standard_normal_itself_and_never_below() -> None:
    assert not Latent(torch.zeros(3, 6), torch.zeros(3, 6)).divergence().any()
    assert (latent(1_000).divergence() > 0).all()


def test_draws_have_the_mean_and_the_variance_of_the_latent() -> None:
    torch.manual_seed(0)
    one = Latent(torch.full((200_000, 1), 1.5), torch.full((200_000, 1), -1.0))

    draws = one.drawn()

    assert abs(float(draws.mean()) - 1.5) < 0.01
    assert abs(float(draws.var()) - np.exp(-1.0)) < 0.01


def test_gradients_reach_mean_and_variance_through_a_draw() -> None:
    torch.manual_seed(0)
    some = latent()

    draw = some.drawn()
    draw.sum().backward()

    torch.testing.assert_close(some.mean.grad, torch.ones_like(some.mean))
    torch.testing.assert_close(some.log_variance.grad, ((draw - some.mean) / 2).detach())


@cache
def trained() -> Served:
    return train(
        split(gather(examples(2_000, seed=1))), Plan(architecture="vae", epochs=4, batch=64), lambda _: None
    ).model


def seen(served: Served, rows: Learned) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
    return rows.event_ids, rows.event_numbers, served.standard(rows.context)


def anomaly(rows: Learned) -> np.ndarray:
    assert isinstance(trained().model, Vae)
    with torch.inference_mode():
        return trained().model.anomaly(*seen(trained(), rows)).numpy()


def test_shoppers_like_no_others_have_the_larger_error() -> None:
    usual = Learned.of(gather(examples(300, seed=9)))
    odd = usual._replace(event_ids=torch.where(usual.event_ids > 0, torch.tensor(2, dtype=torch.int16), 0))

    errors = np.concatenate([anomaly(usual), anomaly(odd)])

    assert roc_auc(errors, np.arange(600) >= 300) > 0.8


def test_numbers_like_no_others_have_the_larger_error_too() -> None:
    usual = Learned.of(gather(examples(300, seed=9)))
    odd = usual._replace(context=usual.context.flip(dims=[1]))

    errors = np.concatenate([anomaly(usual), anomaly(odd)])

    assert roc_auc(errors, np.arange(600) >= 300) > 0.9


def test_training_lowers_the_bound_and_the_same_shopper_has_the_same_embedding() -> None:
    rows = Learned.of(gather(examples(300, seed=9)))
    torch.manual_seed(0)
    fresh = Served(Vae())
    fresh.standardise(rows.context)

    bounds = []
    for served in (fresh, trained()):
        assert isinstance(served.model, Vae)
        served.eval()
        with torch.inference_mode():
            bounds.append(float(served.learn(*rows[:3])[1]))
            first, second = (served.model.embedding(*seen(served, rows)) for _ in range(2))
        assert torch.equal(first, second)
    assert bounds[1] < bounds[0] * 0.9
