import itertools
import math
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.representation import train
from unknot.representation.interaction import interactions
from unknot.representation.selectivity import Selectivity, contrast, squash

ACTIONS = ("down", "left", "right", "up")


def maze(copies: int = 32, size: int = 4) -> Any:
    return gym.make_vec(
        "unknot/Maze-v0", num_envs=copies, size=size, layout="open", task="none", actions=ACTIONS
    )


def learner(**settings: Any) -> Any:
    torch.manual_seed(0)
    return Selectivity(actions=4, **{"steps": 10, "factors": 8, **settings})


def test_kernels_by_hand() -> None:
    h, after = torch.tensor([[1.0, 1.0]]), torch.tensor([[1.5, 0.0]])  # h' - h = (0.5, -1)
    phi = torch.tensor([[[1.0, -1.0], [-1.0, 0.0]]])
    gaussian = learner(width=0.5).log_similarity(h, after, phi).exp()
    torch.testing.assert_close(gaussian, torch.tensor([[math.exp(-0.25 / 0.5), math.exp(-3.25 / 0.5)]]))
    inner = learner(kernel="inner").log_similarity(h, after, phi).exp()
    torch.testing.assert_close(inner[0, 0], torch.tensor(1.5))
    assert inner[0, 1] < 0.01  # max(0, -0.5), and its logarithm exists


def test_selectivity_by_hand() -> None:
    similarity = torch.tensor([[1.0, 0.5, 0.25, 0.25]])
    expected = (similarity / 0.5).log()
    torch.testing.assert_close(contrast(similarity.log()), expected)
    assert contrast(torch.tensor([0.0, -100.0, -100.0, -100.0]))[0] == pytest.approx(math.log(4))
    torch.testing.assert_close(contrast(torch.full((5,), -3.0)), torch.zeros(5))


def test_spaces_of_factors() -> None:
    h = torch.randn(50, 3)
    factors = {
        space: learner(latent_dim=3, space=space).generate(h, 7)
        for space in ("hypercube", "sphere", "simplex", "scaled_simplex")
    }
    for phi in factors.values():
        assert phi.shape == (50, 7, 3)
    assert factors["hypercube"].abs().max() <= 1
    torch.testing.assert_close(factors["sphere"].norm(dim=-1), torch.ones(50, 7))
    torch.testing.assert_close(factors["simplex"].sum(-1), torch.ones(50, 7))
    assert factors["simplex"].min() >= 0
    scaled = factors["scaled_simplex"]
    assert (scaled.min(-1).values * scaled.max(-1).values).min() >= 0  # one sign
    assert scaled.sum(-1).abs().max() <= 1
    assert scaled.min() < 0 < scaled.max()
    torch.testing.assert_close(
        squash(torch.tensor([0.0, 0.0, 1.0]), "scaled_simplex"), torch.full((2,), 0.5 * math.tanh(1.0))
    )


def test_factors_cover_the_corners_before_training() -> None:
    phi = learner().generate(torch.zeros(1, 2), 2000)[0]
    corners = {tuple(sign.tolist()) for sign in phi[phi.abs().min(1).values > 0.8].sign()}
    assert len(corners) == 4


def test_policies_permit_what_the_mask_permits() -> None:
    mask = torch.tensor([[True, False, True, False], [False, False, False, True]])
    log_policy = learner().log_policy(torch.randn(2, 2), torch.randn(2, 5, 2), mask)
    assert log_policy.shape == (2, 5, 4)
    torch.testing.assert_close(log_policy.exp().sum(-1), torch.ones(2, 5))
    assert (log_policy.exp()[~mask[:, None].expand(-1, 5, -1)] == 0).all()


class Table:
    """A world of two states, s = 0 and 1, shown as dark and bright: action a leads to state a."""

    images = torch.stack([torch.zeros(16, 16, 1), torch.full((16, 16, 1), 200.0)]).byte()

    @classmethod
    def batch(cls, actions: Tensor, probability: Tensor) -> dict[str, Tensor]:
        """Every row begins in 0; actions and their probabilities are (n,) or (n, 2)."""
        n = len(actions)
        last = actions if actions.ndim == 1 else actions[:, 1]
        batch = {
            "observation": cls.images[torch.zeros(n, dtype=torch.long)],
            "action": actions,
            "probability": probability,
            "action_mask": torch.ones(*actions.shape, 2, dtype=torch.bool),
            "next_observation": cls.images[last],
        }
        return batch if actions.ndim == 1 else batch | {"between": cls.images[actions[:, :1]]}


def tabled() -> Any:
    torch.manual_seed(0)
    result: Any = Selectivity(actions=2, shape=(16, 16, 1), factors=4, batch_norm=False, gain=50.0)
    factors = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    result.generate = lambda h, count: factors.expand(len(h), -1, -1)
    return result


@torch.no_grad()
@pytest.mark.parametrize("steps", [1, 2])
def test_weighted_transitions_estimate_what_enumeration_gives(steps: int) -> None:
    model = tabled().eval()
    h = model.encode(Table.images).detach()
    phi = model.generate(h[:1], 4)
    everything = torch.ones(1, 2, dtype=torch.bool)
    expected = torch.zeros(())
    for way in itertools.product(range(2), repeat=steps):  # E_φ Σ_ways π(way | φ) S(way, φ)
        log_policy, here = torch.zeros(4), h[:1]
        for action in way:
            log_policy = log_policy + model.log_policy(here, phi, everything)[0, :, action]
            here = h[action : action + 1]
        expected += (log_policy.exp() * contrast(model.log_similarity(h[:1], here, phi)[0])).mean()

    uneven = torch.tensor([0.25, 0.75])  # acted by in proportion, so the weights make up for it exactly
    samples = list(itertools.product([0, 1, 1, 1], repeat=steps))
    actions = torch.tensor(samples).squeeze(1) if steps == 1 else torch.tensor(samples)
    scores = model.assess(Table.batch(actions, uneven[actions]))
    assert scores["selectivity"] == pytest.approx(float(expected), abs=1e-5)
    assert abs(float(expected)) > 1e-3


def test_the_information_bounds_the_selectivity_and_log_n_bounds_it() -> None:
    model = tabled().eval()
    actions = torch.tensor([0, 1])
    scores = model.assess(Table.batch(actions, torch.full((2,), 0.5)))
    assert 0 < scores["information"] < math.log(4)
    assert scores["selectivity"] <= scores["information"]
    with torch.no_grad():  # policies that depend on the factors' first coordinate: one bit
        for parameter in model.policy.parameters():
            parameter.zero_()
        layers: Any = model.policy.layers
        first, last = layers[0], layers[2]
        first.weight[0, 6] = 1.0  # 1 · φ_1 among the products of (h, 1) and (φ, 1)
        last.weight[0, 0] = 100.0
        last.bias[1] = 50.0
    scores = model.assess(Table.batch(actions, torch.full((2,), 0.5)))
    assert scores["information"] == pytest.approx(math.log(2), abs=1e-4)


def test_a_baseline_learns_the_selectivity_and_leaves_its_mean() -> None:
    actions, probability = torch.tensor([0, 1]), torch.full((2,), 0.5)
    with_one, without = tabled(), tabled()
    with_one.baseline = True
    for model in (with_one, without):
        torch.manual_seed(1)
        model.update(Table.batch(actions, probability))
    assert not torch.equal(with_one.policy.layers[0].weight, without.policy.layers[0].weight)
    for _ in range(100):
        scores = with_one.update(Table.batch(actions, probability))
    after = with_one.value(with_one.encode(Table.images[:1]))
    assert abs(float(after.detach()) - float(scores["selectivity"])) < 0.1


def test_reconstruction_reaches_the_encoder_late() -> None:
    model = learner(selectivity=0.0, autoencode_from=0.6)
    batch_at = interactions(maze(), 0)
    weights = [model.encoder[0].weight.detach().clone()]
    for step in range(10):
        model.update(batch_at(step))
        weights.append(model.encoder[0].weight.detach().clone())
    moved = [not torch.equal(one, two) for one, two in itertools.pairwise(weights)]
    assert moved == [False] * 6 + [True] * 4


def test_behaviour_is_epsilon_greedy_and_keeps_the_mode() -> None:
    model = learner(exploration=0.2).train()
    env = maze()
    observation, info = env.reset(seed=0)
    mask = torch.as_tensor(info["action_mask"]).bool()
    before = {name: tensor.clone() for name, tensor in model.state_dict().items()}
    act = model.behaviour(observation)
    action, probability = act(observation, mask)
    assert mask.gather(1, action[:, None]).all()
    assert (probability >= 0.2 / 4 - 1e-6).all()
    assert model.training
    assert all(torch.equal(before[name], tensor) for name, tensor in model.state_dict().items())


@pytest.mark.parametrize(
    "settings",
    [
        {"space": "sphere", "kernel": "inner", "baseline": True},
        {"space": "scaled_simplex", "latent_dim": 3},
    ],
)
def test_it_trains_with_every_space_and_kernel_on_its_own_actions(settings: dict[str, Any]) -> None:
    model = learner(**settings)
    scalars = train(model, interactions(maze(8), 0, steps=2, behaviour=model.behaviour), 2, progress=False)
    assert np.isfinite(list(scalars.values())).all()


def test_codes_and_decoded_images_have_their_shapes() -> None:
    model = learner(latent_dim=3).eval()
    images = maze(5).reset(seed=0)[0]
    h = model.encode(images)
    assert h.shape == (5, 3)
    decoded = model.decode(h)
    assert decoded.shape == (5, 64, 64, 3)
    assert 0 <= decoded.min() <= decoded.max() <= 1
    assert model.step(h, model.generate(h, 1)[:, 0]).shape == (5, 3)


def test_it_learns_a_small_maze() -> None:
    torch.set_num_threads(1)
    model = learner(steps=300, factors=8, entropy=0.05, pull=3.0, reconstruction=0.0)
    train(model, interactions(maze(64), 0, masked=False), 300, progress=False)
    env = maze(16)
    cells = np.stack(np.divmod(np.arange(16), 4), 1)
    env.reset(seed=0)
    h = model.encode(env.set_factors({"agent": cells})).detach().numpy()
    inputs = np.c_[h, np.ones(16)]
    residual = inputs @ np.linalg.lstsq(inputs, cells, rcond=None)[0] - cells
    assert (1 - np.square(residual).sum(0) / np.square(cells - 1.5).sum(0)).min() > 0.9
    scores = model.assess(interactions(maze(256), 1, masked=False)(0))
    assert scores["selectivity"] > 0.3


@pytest.mark.parametrize(
    ("settings", "words"),
    [
        ({"space": "cube"}, "space 'cube'"),
        ({"kernel": "gausian"}, "did you mean 'gaussian'"),
        ({"factors": 1}, "factors must be at least 2, not 1"),
        ({"latent_dim": 0}, "latent_dim must be at least 1, not 0"),
        ({"width": 0.0}, "width must be above 0, not 0.0"),
        ({"exploration": 1.5}, "exploration must be from 0 to 1, not 1.5"),
        ({"commit": 0.05}, "commit must be above 0.1 and at most 1, not 0.05"),
        ({"shape": (60, 64, 3)}, "multiples of 16"),
    ],
)
def test_wrong_arguments_are_refused(settings: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        learner(**settings)
