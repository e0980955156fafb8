"""The predictor of independent factors: its bound, independence, prediction, and that it learns."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
import pytest
import torch
from gymnasium import spaces
from numpy.typing import NDArray
from torch import Tensor
from torch.distributions import Normal, kl_divergence
from torch.nn.functional import softplus

from unknot.models.data.stream import stream
from unknot.models.video.independent_predictor import IndependentPredictor
from unknot.models.video.predictor_networks import NETWORKS
from unknot.representation import train

SMALL: dict[str, Any] = {"shape": (8, 8, 3), "factors": 3, "factor_dim": 2, "width": 4, "hidden": 8}


def made(**settings: Any) -> IndependentPredictor:
    torch.manual_seed(0)
    return IndependentPredictor(**SMALL | settings).eval()


def clips(n: int = 4, t: int = 3) -> Tensor:
    return torch.randint(256, (n, t, 8, 8, 3), generator=torch.Generator().manual_seed(1)).byte()


@pytest.mark.parametrize("network", NETWORKS)
@pytest.mark.parametrize("residual", [True, False])
def test_the_bound_is_the_papers_equation(network: str, residual: bool) -> None:
    learner = made(network=network, residual=residual, variance=0.3, likelihood_weight=4.0)
    frames = clips().movedim(-1, 2) / 255
    torch.manual_seed(3)
    found = learner.bound(clips())
    torch.manual_seed(3)
    z, kl, likelihood = None, [], []
    for t in range(3):
        if z is None:
            prior, seen = Normal(torch.zeros(4, 3, 2), torch.ones(4, 3, 2)), torch.zeros(2, 4, 6)
        else:
            after = learner.next_factors(z)
            prior = Normal(after.mean, (after.log_variance / 2).exp())
            seen = torch.stack([after.mean.flatten(1), after.log_variance.flatten(1)])
        belief = learner.belief
        features = learner.encoder(frames[:, t])
        parts = [
            belief.features(features),
            belief.mean(seen[0]),
            belief.variance(seen[1]),
        ]
        leaky = torch.nn.LeakyReLU(0.2)
        moments = belief.moments(leaky(belief.latent(leaky(torch.cat(parts, 1)))))
        if belief.direct:
            moments = moments + belief.direct(features)
        mean, log_variance = moments.chunk(2, 1)
        log_variance = 4 - softplus(4 - log_variance)  # smoothly below 4, and above -6
        log_variance = softplus(log_variance + 6) - 6
        q = Normal(mean.reshape(4, 3, 2), (log_variance.reshape(4, 3, 2) / 2).exp())
        z = q.mean + torch.randn_like(q.mean) * q.stddev
        kl.append(kl_divergence(q, prior).sum(2))
        pixels = learner.background + learner.decoder(z.flatten(1))
        likelihood.append(4 * Normal(pixels, math.sqrt(0.3)).log_prob(frames[:, t]).flatten(1).sum(1))  # type: ignore[no-untyped-call]
    torch.testing.assert_close(found.kl, torch.stack(kl, 1))
    torch.testing.assert_close(found.log_likelihood, torch.stack(likelihood, 1))
    expected = (torch.stack(likelihood, 1) - torch.stack(kl, 1).sum(2)).sum(1) / 3
    torch.testing.assert_close(found.per_frame, expected)


def test_a_prediction_weight_adds_the_likelihood_of_decoded_predictions() -> None:
    found = {}
    for weight in (0.0, 2.0):
        learner = made(prediction_weight=weight, variance=0.3)
        torch.manual_seed(3)
        found[weight] = learner.update({"observation": clips()})
    assert "predicted" not in found[0.0]
    learner = made(variance=0.3)
    frames = clips().movedim(-1, 2) / 255
    torch.manual_seed(3)
    z = learner.factors_of(clips(), sample=True)
    nats = [
        Normal(learner.background + learner.decoder(learner.next_factors(z[:, t]).mean.flatten(1)), 0.3**0.5)
        .log_prob(frames[:, t + 1])  # type: ignore[no-untyped-call]
        .sum((1, 2, 3))
        for t in range(2)
    ]
    torch.testing.assert_close(found[2.0]["predicted"], torch.stack(nats).mean())
    torch.testing.assert_close(found[2.0]["bound"], found[0.0]["bound"])
    assert found[2.0]["gradient"] > found[0.0]["gradient"]


def test_a_factors_future_depends_on_its_own_past_alone() -> None:
    learner = made()
    z = torch.randn(5, 3, 2)
    other = z.clone()
    other[:, 1] += 1
    before, after = (learner.imagine(each, 4) for each in (z, other))
    assert torch.equal(before[:, :, [0, 2]], after[:, :, [0, 2]])
    assert not torch.isclose(before[:, :, 1], after[:, :, 1]).all(1).any()
    for factor in range(3):
        alone = learner.next_factor(factor, z[:, factor])
        torch.testing.assert_close(alone.mean, before[:, 0, factor])
        torch.testing.assert_close(alone.log_variance, learner.next_factors(z).log_variance[:, factor])
    assert not torch.allclose(learner.next_factor(0, z[:, 1]).mean, learner.next_factor(1, z[:, 1]).mean)


def test_beliefs_use_predictions_without_training_the_transitions_by_them() -> None:
    learner = made()
    learner.bound(clips()).log_likelihood.sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is None or not p.grad.any() for p in learner.transitions.parameters())
    gradient = learner.belief.mean.weight.grad
    assert gradient is not None
    assert gradient.any()
    learner.bound(clips()).kl.sum().backward()  # type: ignore[no-untyped-call]
    assert all(p.grad is not None and p.grad.any() for p in learner.transitions.weights)


def test_the_weight_of_the_kl_rises_by_the_same_factor_in_each_update() -> None:
    learner = made(warm_up=4)
    weights = []
    for _ in range(6):
        weights.append(learner.kl_weight)
        learner.update({"observation": clips()})
    np.testing.assert_allclose(weights, [*0.01 ** (1 - np.arange(4) / 4), 1, 1])
    assert made().kl_weight == 1


def test_an_update_steps_down_the_weighted_bound() -> None:
    learner, again = made(warm_up=2), made(warm_up=2)
    torch.manual_seed(5)
    learner.update({"observation": clips()})
    torch.manual_seed(5)
    parts = again.bound(clips())
    loss = (0.01 * parts.kl.sum(2) - parts.log_likelihood).mean()
    loss.backward()  # type: ignore[no-untyped-call]
    torch.nn.utils.clip_grad_norm_(again.parameters(), 100.0)
    again.optimizers["adam"].step()
    for ours, theirs in zip(learner.parameters(), again.parameters(), strict=True):
        torch.testing.assert_close(ours, theirs)


def test_factors_that_are_decoded_one_by_one_add_up() -> None:
    learner = made(decoder="sum")
    z = torch.randn(2, 3, 2)
    each = [learner.decoder(z[:, k]) for k in range(3)]
    expected = (learner.background + sum(each)).clamp(0, 1).movedim(1, -1)
    torch.testing.assert_close(learner.decode_factors(z), expected)


def test_predictions_roll_the_means_on_and_take_other_values_of_factors() -> None:
    learner = made()
    z = learner.factors_of(clips())[:, -1]
    expected = []
    for _ in range(2):
        z = learner.next_factors(z).mean
        expected.append(learner.decode_factors(z))
    torch.testing.assert_close(learner.predict(clips(), 2), torch.stack(expected, 1))
    value = torch.full((4, 2), 3.0)
    z = learner.factors_of(clips())[:, -1]
    z[:, 1] = value
    expected = [learner.decode_factors(learner.next_factors(z).mean)]
    torch.testing.assert_close(learner.predict(clips(), 1, {1: value}), torch.stack(expected, 1))


def test_codes_are_those_of_the_last_frame_and_a_frame_is_a_clip_of_one() -> None:
    learner = made()
    z = learner.factors_of(clips())
    torch.testing.assert_close(learner.encode(clips()), z[:, -1].flatten(1))
    torch.testing.assert_close(learner.encode(clips()[:, 0]), z[:, 0].flatten(1))
    torch.testing.assert_close(learner.decode(learner.encode(clips())), learner.decode_factors(z[:, -1]))
    sampled = [learner.factors_of(clips(), sample=True) for _ in range(2)]
    assert not torch.equal(*sampled)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: made(factors=0), "factors must be at least 1, not 0"),
        (lambda: made(network="resnet"), "network"),
        (lambda: made(decoder="product"), "decoder"),
        (lambda: made(shape=(8, 12, 3)), "shape must have one height and width"),
        (lambda: made(network="dcgan", shape=(12, 12, 3)), "shape must have one height and width"),
        (lambda: made(variance=0.0), "variance must be above 0"),
        (lambda: made(warm_up=-1), "warm_up must be at least 0"),
        (lambda: made().next_factor(3, torch.zeros(1, 2)), "factor must be from 0 to 2, not 3"),
        (lambda: made().predict(clips(), 1, {-1: torch.zeros(1, 2)}), "factor must be at least 0, not -1"),
        (lambda: made().predict(clips(), 0), "frames must be at least 1, not 0"),
        (lambda: made().encode(clips()[:, :0]), "clips must be uint8"),
        (lambda: made().encode(clips()[0, 0]), "clips must be uint8"),
        (lambda: made().encode(clips().float()), "images must be uint8"),
    ],
)
def test_what_is_no_predictor_or_no_clip_is_refused(call: Any, message: str) -> None:
    with pytest.raises(ValueError, match=message):
        call()


class Bars:
    """Clips of 8 × 8 pixels: a red column and a green row, which move round by a pixel a frame."""

    factor_space = spaces.Dict({name: spaces.Discrete(8) for name in ("column", "row")})

    def sample_factors(self, n: int, rng: np.random.Generator) -> dict[str, NDArray[Any]]:
        return {name: rng.integers(8, size=n) for name in self.factor_space}

    def render_factors(self, factors: Mapping[str, Any]) -> NDArray[np.uint8]:
        lines = np.eye(8)[(factors["column"][:, None] + np.arange(5)) % 8] * 255
        rows = np.eye(8)[(factors["row"][:, None] + np.arange(5)) % 8] * 255
        red, green = np.broadcast_arrays(lines[:, :, None], rows[:, :, :, None])
        clips: NDArray[np.uint8] = np.stack([red, green, 0 * red], -1).astype(np.uint8)
        return clips


def test_it_learns_to_predict_what_copying_cannot() -> None:
    learner = made(
        factors=2, factor_dim=4, width=8, hidden=32, variance=0.05, learning_rate=5e-4, warm_up=400
    )
    train(learner, stream(Bars(), 16, 0), 600, progress=False)
    seen = stream(Bars(), 64, 1)(0)["observation"]
    true = seen[:, 3:] / 255
    with torch.no_grad():
        error = (learner.predict(seen[:, :3], 2) - true).square().mean()
    mean_frame = (seen.float().mean((0, 1)) / 255 - true).square().mean()
    assert error < 0.8 * mean_frame
    assert mean_frame < (seen[:, 2:3] / 255 - true).square().mean()  # copying
