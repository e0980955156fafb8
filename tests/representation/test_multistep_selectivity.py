import itertools
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
import torch
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.representation import train
from unknot.representation.interaction import interactions
from unknot.representation.multistep_selectivity import MultistepSelectivity

ACTIONS = ("down", "left", "right", "up")


def maze(copies: int = 32, size: int = 4) -> Any:
    return gym.make_vec(
        "unknot/Maze-v0", num_envs=copies, size=size, layout="open", task="none", actions=ACTIONS
    )


def learner(**settings: Any) -> Any:
    torch.manual_seed(0)
    return MultistepSelectivity(actions=4, **{"steps": 10, "names": 6, "horizon": 2, **settings})


def test_factors_are_names_with_equal_probability() -> None:
    model = learner()
    h = torch.randn(2, 2)
    phi = model.generate(h, 6000)
    assert phi.shape == (2, 6000, 2)
    assert phi.abs().max() <= model.horizon
    for row, names in zip(phi, model.horizon * model.generator(h), strict=True):
        found, counts = np.unique(row.numpy(force=True), axis=0, return_counts=True)
        np.testing.assert_array_equal(found, np.unique(names.numpy(force=True), axis=0))
        np.testing.assert_allclose(counts / 6000, np.full(6, 1 / 6), atol=0.02)


def test_names_are_spread_over_the_square_before_training() -> None:
    names = learner(names=2000).generator(torch.zeros(2))
    assert [float((names < edge).float().mean()) for edge in (-0.5, 0.0, 0.5)] == pytest.approx(
        [0.25, 0.5, 0.75], abs=0.03
    )


@torch.no_grad()
def probabilities(model: Any, env: Any) -> dict[tuple[int, ...], Tensor]:
    """Return by way of two steps from the corner (0, 0) with what log probability each name takes it."""
    result = {}
    for way in itertools.product(range(4), repeat=2):
        observation, info = env.reset(seed=0, options={"factors": {"agent": np.array([[0, 0]])}})
        start = model._look(observation)
        names = model.horizon * model.generator(start)
        total, masks = torch.zeros(1, model.names), []
        for action in way:
            mask = torch.as_tensor(info["action_mask"]).bool()
            masks.append(mask)
            h = model._look(observation)
            total += model.log_policy(h, names - (h - start)[:, None], mask)[..., action]
            observation, *_, info = env.step(np.array([action]))
        result[way] = model._log_mixture(total, torch.stack(masks, 1), False).exp()[0, 0]
        if not bool(masks[0][0, way[0]]) or not bool(masks[1][0, way[1]]):
            del result[way]
    return result


def test_weights_are_relative_to_what_the_behaviour_does() -> None:
    model = learner(exploration=0.3, gain=20.0)
    model.updates += 5  # beyond the layout
    expected = probabilities(model, maze(1))
    assert float(sum(expected.values())) == pytest.approx(1, abs=1e-5)

    copies = 3000
    env = maze(copies)
    observation, info = env.reset(seed=0, options={"factors": {"agent": np.zeros((copies, 2), int)}})
    act = model.behaviour(observation)
    ways = []
    for _ in range(2):
        action, _ = act(observation, torch.as_tensor(info["action_mask"]).bool())
        ways.append(action)
        observation, *_, info = env.step(action.numpy())
    taken, counts = np.unique(torch.stack(ways, 1).numpy(), axis=0, return_counts=True)
    assert {tuple(way.tolist()) for way in taken} == set(expected)
    for way, count in zip(taken, counts, strict=True):
        assert float(count) / copies == pytest.approx(float(expected[tuple(way.tolist())]), abs=0.03)


def test_actions_of_the_layout_are_random() -> None:
    model = learner(gain=20.0)
    env = maze(4000)
    observation, _ = env.reset(seed=0, options={"factors": {"agent": np.full((4000, 2), 1)}})
    action, probability = model.behaviour(observation)(observation, torch.ones(4000, 4, dtype=torch.bool))
    torch.testing.assert_close(probability, torch.full((4000,), 0.25))
    np.testing.assert_allclose(np.bincount(action.numpy()) / 4000, np.full(4, 0.25), atol=0.03)


def test_policies_sharpen_towards_the_end() -> None:
    model = learner(sharpness=4.0)
    h, phi, mask = torch.randn(50, 2), torch.randn(50, 3, 2), torch.ones(50, 4, dtype=torch.bool)
    before = model.log_policy(h, phi, mask)
    model.updates += 10
    torch.testing.assert_close(model.log_policy(h, phi, mask), (4 * before).log_softmax(-1))


def test_the_decoder_trains_codes_only_with_reconstruction() -> None:
    images = torch.from_numpy(maze(8).reset(seed=0)[0])
    for reconstruction, reaches in ((0.0, False), (0.5, True)):
        model = learner(reconstruction=reconstruction)
        model._reconstruction_error(model.encode(images), images).backward()
        assert any(p.grad is not None and p.grad.any() for p in model.decoder.parameters())
        assert any(p.grad is not None and p.grad.any() for p in model.encoder.parameters()) == reaches


def test_codes_are_frozen_after_the_layout() -> None:
    model = learner()
    batch_at = interactions(maze(8), 0, steps=2, behaviour=model.behaviour)
    model.train()
    weights = [parameter.detach().clone() for parameter in model.encoder.parameters()]
    model.update(batch_at(0))
    assert not torch.equal(weights[0], model.encoder.convolutions[0].weight)
    model.update(batch_at(1))
    laid_out = [parameter.detach().clone() for parameter in model.encoder.parameters()]
    named = [parameter.detach().clone() for parameter in model.generator.parameters()]
    for number in range(2, 5):
        model.update(batch_at(number))
    assert all(map(torch.equal, laid_out, model.encoder.parameters()))
    assert not any(map(torch.equal, named, model.generator.parameters()))


def test_policies_see_codes_only_after_the_layout() -> None:
    model = learner()
    batch_at = interactions(maze(8), 0, steps=2, behaviour=model.behaviour)
    model.train()
    here, there = torch.zeros(1, 2), torch.ones(1, 2)
    phi, mask = torch.randn(1, 3, 2), torch.ones(1, 4, dtype=torch.bool)
    for number in range(5):
        seen = not torch.equal(model.log_policy(here, phi, mask), model.log_policy(there, phi, mask))
        assert seen == (number > 2)  # the layout is updates 0 and 1
        model.update(batch_at(number))


@pytest.mark.slow
def test_codes_are_laid_out_without_folds() -> None:
    torch.manual_seed(101)
    model = MultistepSelectivity(actions=4, steps=1100)
    env = maze(128, size=6)
    batch_at = interactions(env, 101, steps=3, behaviour=model.behaviour)
    model.train()
    for number in range(165):  # where policies saw codes, R² was 0.67 and 0.44
        model.update(batch_at(number))
    cells = torch.cartesian_prod(torch.arange(6), torch.arange(6))
    images, _ = maze(36, size=6).reset(seed=0, options={"factors": {"agent": cells.numpy()}})
    with torch.no_grad():
        codes = model.eval().encode(images)
    design, targets = torch.cat([codes, torch.ones(36, 1)], 1), cells.float()
    missed = targets - design @ torch.linalg.lstsq(design, targets).solution
    assert (1 - missed.var(0) / targets.var(0)).min() > 0.97


def train_for(steps: int, folder: Path, resume: bool = False) -> MultistepSelectivity:
    torch.manual_seed(7)
    model = MultistepSelectivity(actions=4, names=6, horizon=2, steps=10)
    env = maze(8)
    batch_at = interactions(env, 3, steps=2, behaviour=model.behaviour)
    train(model, batch_at, steps, folder=folder, resume=resume, progress=False)
    return model


def test_a_resumed_run_reaches_the_same_numbers(tmp_path: Path) -> None:
    whole = train_for(6, tmp_path / "whole")  # the layout ends after 2 of its steps
    train_for(3, tmp_path / "parts")
    parts = train_for(6, tmp_path / "parts", resume=True)
    for name, value in whole.state_dict().items():
        assert torch.equal(value, parts.state_dict()[name]), name


def test_policies_of_two_steps_are_distinguished() -> None:
    torch.manual_seed(2)
    model = MultistepSelectivity(actions=4, names=12, horizon=2, steps=120, learning_rate=4e-3)
    batch_at = interactions(maze(64), 2, steps=2, behaviour=model.behaviour)
    model.train()
    for number in range(120):
        scalars = model.update(batch_at(number))
    assert float(scalars["information"]) > 1.2  # of log 12 = 2.5; what untrained policies have is below 0.1
    assert float(scalars["selectivity"]) > 0.8


@pytest.mark.parametrize(
    ("settings", "message"),
    [
        ({"horizon": 0}, "horizon must be at least 1, not 0"),
        ({"names": 1}, "names must be at least 2, not 1"),
        ({"width": 0.0}, "width must be above 0"),
        ({"shape": (30, 64, 3)}, "shape"),
    ],
)
def test_wrong_settings_are_refused(settings: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        learner(**settings)


LAYOUT, MIDDLE, END = 0, 575, 1000
"""Updates of 1,000: in the layout; at half of what follows it; the end."""


def test_the_kernel_narrows_after_the_layout() -> None:
    model = learner(steps=1000, width=0.4)
    widths = {}
    for updates in (LAYOUT, 150, 405, MIDDLE, END):
        model.updates.fill_(updates)
        widths[updates] = model._width()
    assert widths == pytest.approx(
        {LAYOUT: 0.6, 150: 1.0, 405: 0.4 * 2.5**0.5, MIDDLE: 0.4 * 2.5 ** (1 / 6), END: 0.4}
    )


@pytest.mark.parametrize(
    ("updates", "weights"),
    [
        (LAYOUT, {"selectivity": -2.0, "uneven": 7.0}),
        (75, {"selectivity": -2.0, "pull": 3.0 / 2, "uneven": 7.0}),
        (
            MIDDLE,
            {"selectivity": -2.0, "pull": 3.0, "uneven": 7.0, "attraction": 5.0, "model": 1.0},
        ),
        (
            levelled := 150 + 85 // 2,
            {
                "selectivity": -2.0,
                "pull": 3.0,
                "uneven": 7.0,
                "attraction": 5.0 * (levelled - 150) / 85,
                "model": 1.0,
                "entropy": -11.0 * (1 - (levelled - 150) / 425),
            },
        ),
    ],
)
def test_the_loss_is_the_weighted_sum_of_its_terms(updates: int, weights: dict[str, float]) -> None:
    model = learner(steps=1000, selectivity=2.0, pull=3.0, even=7.0, attraction=5.0, entropy=11.0)
    model.updates.fill_(updates)
    batch = interactions(maze(8), 0, steps=2, behaviour=model.behaviour)(0)
    h = torch.randn(8, 3, 2, generator=torch.Generator().manual_seed(0))
    terms, loss = model._control(h, batch)
    expected = sum(weight * float(terms[name].detach()) for name, weight in weights.items())
    assert float(loss.detach()) == pytest.approx(expected, rel=1e-4)


def test_rates_fall_after_the_layout_each_from_its_own() -> None:
    model = learner(steps=1000, learning_rate=0.1)
    for updates, share in ((LAYOUT, None), (MIDDLE, 5 / 6), (END - 1, 1 / 510)):
        model.updates.fill_(updates)
        model._step(sum((each.square().sum() for each in model.parameters()), torch.zeros(())))
        rates = {group["name"]: group["lr"] for group in model.optimizers["adam"].param_groups}
        factors = {"policy": 0.2, "generator": 2.0, "model": 2.5} if share else {}
        assert rates == pytest.approx({name: 0.1 * (share or 1) * factors.get(name, 1) for name in rates})
