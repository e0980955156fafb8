from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch

import unknot  # noqa: F401  (registers the environments)
from unknot.representation.interaction import interactions
from unknot.representation.scene_selectivity import Bounded, PlaceEncoder, SceneSelectivity
from unknot.representation.selectivity import anisotropy


def learner(**settings: Any) -> Any:
    torch.manual_seed(0)
    return SceneSelectivity(actions=4, **{"steps": 100, "factors": 8, "entropy": 0.1, **settings})


def test_the_encoder_returns_the_position_of_a_thing() -> None:
    encoder = PlaceEncoder((16, 16, 1), 2, gain=1.0, maps=2).eval()
    first: Any = encoder.convolutions[0]
    last: Any = encoder.convolutions[3]
    torch.nn.init.constant_(first.weight, 1.0)  # how bright a patch is: 16 where it is white
    torch.nn.init.zeros_(first.bias)
    torch.nn.init.constant_(last.weight, 1.0)
    torch.nn.init.zeros_(last.bias)
    weights = torch.zeros(2, 6)
    weights[0, 0] = weights[1, 1] = 1.0  # the row and the column of the first map's place
    encoder.code.weight.data, encoder.code.bias.data = weights, torch.zeros(2)
    lines = torch.linspace(-1, 1, 4)
    for row in range(4):
        for column in range(4):
            image = torch.zeros(1, 1, 16, 16)
            image[0, 0, 4 * row : 4 * row + 4, 4 * column : 4 * column + 4] = 1.0
            torch.testing.assert_close(encoder(image)[0], torch.stack([lines[row], lines[column]]))


def test_factors_are_bounded_like_the_noise() -> None:
    outputs = Bounded(2, 3, 3)(1e3 * torch.randn(50, 2), 1e3 * torch.randn(50, 3))
    assert outputs.abs().max() <= 1
    assert outputs.std() > 0.5


def test_anisotropy_is_least_for_the_corners_of_the_square() -> None:
    corners = torch.tensor([[1.0, 1.0], [1.0, -1.0], [-1.0, 1.0], [-1.0, -1.0]])
    assert anisotropy(corners).item() == pytest.approx(2.0, abs=1e-3)  # tr I - log det I
    for factor in (0.5, 2.0):
        assert anisotropy(factor * corners) > anisotropy(corners) + 0.5
    shared = torch.tensor([[1.0, 1.0], [1.0, 1.0], [-1.0, -1.0], [-1.0, -1.0]])
    assert anisotropy(shared) > anisotropy(corners) + 5


def test_a_zero_change_is_penalised_and_has_a_derivative() -> None:
    model = learner(least=0.5)
    image = torch.randint(256, (4, 64, 64, 3)).byte()
    batch = {
        "observation": image,
        "next_observation": image,
        "action": torch.zeros(4, dtype=torch.int64),
        "probability": torch.full((4,), 0.25),
        "action_mask": torch.ones(4, 4, dtype=torch.bool),
    }
    h = model.encode(image)
    terms, loss = model._control(torch.stack([h, h], 1), batch)
    assert terms["short"].item() == pytest.approx(0.25, rel=1e-3)
    assert terms["size"].item() == pytest.approx(h.square().sum(1).mean().item())
    loss.backward()
    assert all(p.grad is None or bool(p.grad.isfinite().all()) for p in model.parameters())


def test_hindsight_trains_actions_that_have_the_effect_of_a_factor() -> None:
    """Ten batches where action 2 makes the change: no policy took it, and all must learn it."""
    model = learner(steps=1000, pull=0.0, entropy=0.0, even=0.0, calm=0.0, hindsight=1.0)
    h = torch.zeros(64, 2, 2)
    h[:, 1] = torch.tensor([1.0, 1.0])
    batch = {"action": torch.full((64,), 2), "action_mask": torch.ones(64, 4, dtype=torch.bool)}
    optimizer = torch.optim.Adam(model.policy.parameters(), 0.05)

    def probability() -> float:
        phi = torch.tensor([[[1.0, 1.0]]])
        policy = model.log_policy(torch.zeros(1, 2), phi, torch.ones(1, 4, dtype=torch.bool))
        return float(policy.detach().exp()[0, 0, 2])

    before = probability()
    for _ in range(20):
        optimizer.zero_grad()
        model._hindsight(h, batch).backward()
        optimizer.step()
    assert before < 0.5 < 0.9 < probability()


def test_it_finds_the_agent_in_mazes_it_has_not_seen() -> None:
    options: dict[str, Any] = {"size": 4, "task": "none", "actions": ("down", "left", "right", "up")}
    env = gym.make_vec("unknot/Maze-v0", num_envs=64, **options)
    source = interactions(env, 0, steps=1)
    model = learner(steps=250, learning_rate=3e-3)
    explained = [_explained(model, options)]
    for step in range(250):
        model.update(source(step))
    explained.append(_explained(model.eval(), options))
    assert explained[0] < 0.5 < 0.9 < explained[1]


def _explained(model: Any, options: dict[str, Any]) -> float:
    """Return the least R² with which the agent's row and column are linear in h, in new layouts."""
    images, info = gym.make_vec("unknot/Maze-v0", num_envs=256, **options).reset(seed=10_000)
    places = info["factors"]["agent"]
    with torch.no_grad():
        h = model.encode(images).double().numpy()
    design = np.concatenate([h, np.ones((len(h), 1))], 1)
    residual = places - design @ np.linalg.lstsq(design, places, rcond=None)[0]
    shares: np.ndarray[Any, Any] = 1 - residual.var(0) / places.var(0)
    return float(shares.min())
