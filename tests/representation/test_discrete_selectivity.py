"""Discrete selectivity: rewards by hand, weights against enumeration, exact resume, and that it learns."""

import math
from collections.abc import Callable
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor

from unknot.representation.autoencoder import ENCODERS, Autoencoder
from unknot.representation.discrete_selectivity import (
    DiscreteSelectivity,
    importance_weights,
    information,
    selectivity,
)
from unknot.representation.learner import Learner
from unknot.representation.training import train

CELL, SIDE = 8, 3
SHAPE = (CELL * SIDE, CELL * SIDE, 1)
MOVES = np.array([[1, 0], [0, -1], [0, 1], [-1, 0]])
LEARNERS: list[Callable[[], Learner]] = [
    lambda: DiscreteSelectivity(shape=SHAPE, actions=4, features=4, steps=10),
    lambda: Autoencoder(shape=SHAPE, latent_dim=3),
    lambda: Autoencoder(shape=SHAPE, latent_dim=3, encoder="places"),
]


def render(cells: np.ndarray[Any, np.dtype[np.int64]]) -> np.ndarray[Any, np.dtype[np.uint8]]:
    """Render a white square in a cell (n, 2) of a 3 × 3 grid."""
    images = np.zeros((len(cells), SIDE, SIDE, CELL, CELL), np.uint8)
    images[np.arange(len(cells)), cells[:, 0], cells[:, 1]] = 255
    return images.swapaxes(2, 3).reshape(-1, *SHAPE)


def batch_at(step: int, n: int = 64) -> dict[str, Tensor]:
    """Move a square by one cell, uniformly over the permitted moves."""
    rng = np.random.default_rng(step)
    cells = rng.integers(0, SIDE, (n, 2))
    targets = cells[:, None] + MOVES
    permitted = ((targets >= 0) & (targets < SIDE)).all(2)
    action = (rng.random((n, 4)) * permitted).argmax(1)
    return {
        "observation": torch.from_numpy(render(cells)),
        "next_observation": torch.from_numpy(render(targets[np.arange(n), action])),
        "action": torch.from_numpy(action),
        "probability": torch.from_numpy(1 / permitted.sum(1)).float(),
    }


CELLS = np.indices((SIDE, SIDE)).reshape(2, -1).T


def test_selectivity_is_that_of_equation_1() -> None:
    # Sharp: A is max(0, step), and 1 of 4 coordinates rises, then two as far as each other, then 3 to 1.
    step = torch.tensor([[1.0, -1.0, -1.0, -1.0], [2.0, 2.0, -1.0, -1.0], [3.0, 1.0, -1.0, -1.0]])
    reward = selectivity(step, 0.02)
    torch.testing.assert_close(reward[0, 0], torch.tensor(math.log(4)))
    torch.testing.assert_close(reward[1, :2], torch.full((2,), math.log(2)))
    torch.testing.assert_close(reward[2, :2], torch.tensor([math.log(3), math.log(1)]))
    assert (reward[:, 2:] < -20).all()


def test_smoothing_is_a_softplus() -> None:
    step, width = torch.tensor([[0.3, 0.0]], dtype=torch.float64), 0.5
    a = width * np.log1p(np.exp(step.numpy() / width))
    np.testing.assert_allclose(selectivity(step, width), np.log(a / a.mean()))


def test_the_selectivity_of_no_movement_is_0() -> None:
    assert selectivity(torch.zeros(5, 3), 0.1).abs().max() < 1e-6


def test_large_decreases_have_a_finite_gradient() -> None:
    step = torch.tensor([[-1e4, 1.0], [1e4, -1e4]], requires_grad=True)
    selectivity(step, 0.1).sum().backward()  # type: ignore[no-untyped-call]
    assert step.grad is not None
    assert step.grad.isfinite().all()


def test_weighted_rewards_are_the_policies_own_expectations_and_gradients() -> None:
    torch.manual_seed(0)
    logits = torch.randn(2, 3, dtype=torch.float64, requires_grad=True)  # two features, three actions
    rewards = torch.tensor([[0.5, -1.0], [2.0, 0.25], [0.0, 0.0]], dtype=torch.float64)  # action, feature
    permitted = torch.tensor([0.8, 0.2], dtype=torch.float64)  # the third changes nothing, is never taken
    log_policies = logits.log_softmax(1)

    exact = torch.einsum("ka,ak->k", log_policies.exp(), rewards)
    weights = importance_weights(log_policies.expand(2, 2, 3), torch.tensor([0, 1]), permitted)
    expected = (permitted[:, None] * weights * rewards[:2]).sum(0)
    torch.testing.assert_close(expected, exact)
    (gradient,) = torch.autograd.grad(exact.sum(), logits, retain_graph=True)
    torch.testing.assert_close(torch.autograd.grad(expected.sum(), logits)[0], gradient)


def test_information_of_different_and_of_equal_policies() -> None:
    separate = torch.eye(4)[None]
    pairs = torch.eye(4)[None, [0, 0, 1, 1]]
    mixed = torch.full((1, 4, 4), 0.25)
    policies = torch.cat([separate, pairs, mixed])
    torch.testing.assert_close(
        information(policies.log()), torch.tensor([math.log(4), math.log(2), 0.0]), atol=1e-6, rtol=0
    )


def test_policies_are_distributions_without_a_gradient_for_codes() -> None:
    learner = LEARNERS[0]()
    assert isinstance(learner, DiscreteSelectivity)
    h = torch.randn(2, 4, requires_grad=True)
    assert learner.log_policies(h).shape == (2, 4, 4)
    torch.testing.assert_close(learner.log_policies(h).exp().sum(-1), torch.ones(2, 4))
    learner.log_policies(h).sum().backward()  # type: ignore[no-untyped-call]
    assert h.grad is None


def test_it_learns_a_coordinate_for_each_direction() -> None:
    torch.manual_seed(0)
    learner = DiscreteSelectivity(shape=SHAPE, actions=4, features=4, steps=300, learning_rate=1e-3)

    def least() -> float:
        r = np.corrcoef(np.c_[learner.encode(render(CELLS)).numpy(force=True), CELLS].T)[:4, 4:]
        return float(np.abs(r).max(0).min())

    before = least()
    scalars = train(learner, batch_at, 300, progress=False)
    policies = learner.log_policies(learner.encode(render(CELLS))).exp().mean(0)
    assert before < 0.9
    assert least() > 0.98
    assert sorted(policies.argmax(1).tolist()) == [0, 1, 2, 3]
    assert policies.amax(1).min() > 0.9
    assert scalars["selectivity"] <= scalars["information"] + 1e-3  # appendix C


@pytest.mark.parametrize("encoder", ENCODERS)
def test_the_autoencoder_reconstructs_images(encoder: str) -> None:
    torch.manual_seed(0)
    learner = Autoencoder(shape=SHAPE, latent_dim=3, encoder=encoder)
    before = learner.update(batch_at(0))["reconstruction"]
    train(learner, batch_at, 200, progress=False)
    images = render(CELLS)
    decoded = learner.decode(learner.encode(images))
    error = (decoded - torch.from_numpy(images) / 255).square().flatten(1).sum(1).mean()
    assert decoded.shape == images.shape
    assert error < before / 10


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"shape": (36, 40, 1)}, r"shape must have height and width in multiples of 8, not \(36, 40, 1\)"),
        ({"actions": 1}, "actions must be at least 2, not 1"),
        ({"features": 1}, "features must be at least 2, not 1"),
        ({"steps": 0}, "steps must be at least 1, not 0"),
        ({"smoothness": 0.0}, "smoothness must be above 0, not 0.0"),
        ({"learning_rate": math.nan}, "learning_rate must be a finite number, not nan"),
        ({"pull": -1.0}, "pull must be at least 0, not -1.0"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        DiscreteSelectivity(**settings)


def test_the_autoencoder_refuses_no_dimensions_and_unknown_encoders() -> None:
    with pytest.raises(ValueError, match="latent_dim must be at least 1, not 0"):
        Autoencoder(latent_dim=0)
    with pytest.raises(ValueError, match="unknown encoder 'place'; did you mean 'places'"):
        Autoencoder(encoder="place")


def test_an_autoencoders_error_is_of_pixels_in_0_to_1() -> None:
    learner = Autoencoder(shape=SHAPE, latent_dim=3)
    images = batch_at(0)["observation"] // 2
    error = (learner.decode(learner.encode(images)) - images / 255).square().sum() / len(images)
    assert float(learner.update({"observation": images})["reconstruction"]) == pytest.approx(
        float(error.detach())
    )


@pytest.mark.parametrize(("progress", "share"), [(0.1, 0.0), (0.2, 0.0), (0.35, 0.5), (0.5, 1.0), (0.9, 1.0)])
def test_the_pull_to_steps_of_one_rises_in_training(progress: float, share: float) -> None:
    """The first layer's gradient is linear in the pull: it is compared with that of a pull so weighted."""
    batch = batch_at(0)

    def weights(pull: float, updates: int) -> Tensor:
        torch.manual_seed(0)
        learner = DiscreteSelectivity(shape=SHAPE, actions=4, features=4, steps=100, pull=pull)
        learner.updates.fill_(updates)
        for optimizer in learner.optimizers.values():
            setattr(optimizer, "step", lambda *_: None)  # noqa: B010  mypy knows a more general one
        learner.update(batch)
        gradient = next(learner.encoder.parameters()).grad
        assert gradient is not None
        return gradient.clone()

    full, none, found = weights(3.0, 99), weights(0.0, 99), weights(3.0, round(100 * progress))
    torch.testing.assert_close(found, none + share * (full - none), rtol=1e-3, atol=1e-5)
