"""How the maze looks: where each thing is rendered, and which images stay the same."""

import hashlib
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

import unknot  # noqa: F401  registers the environments
from unknot.envs import BLOCK

SMALL = ("....", ".#o.", "~...", "..#.")
"""Blocks at (1, 1) and (3, 2), a switch at (1, 2), water at (2, 0)."""


def make(**settings: Any) -> Any:
    return gym.make("unknot/Maze-v0", **settings).unwrapped


def vector(n: int, **settings: Any) -> Any:
    return gym.make_vec("unknot/Maze-v0", num_envs=n, **settings).unwrapped


def cell_of(image: Any, cell: Any, size: int) -> Any:
    edges = [round(i * 64 / size) for i in range(size + 1)]
    row, column = cell
    return image[edges[row] : edges[row + 1], edges[column] : edges[column + 1]]


@pytest.mark.parametrize("size", [4, 6, 8, 11, 16])
def test_each_thing_fills_its_cell(size: int) -> None:
    rows = ["." * size] * size
    rows[1] = ".#~" + "." * (size - 3)
    env = make(layout=rows)
    env.reset(seed=0)
    image = env.render_factors({"agent": np.array([[2, 3]])})[0]
    assert (cell_of(image, (1, 1), size) == [255, 140, 0]).all()
    assert (cell_of(image, (1, 2), size) == [40, 90, 230]).all()
    agent = cell_of(image, (2, 3), size).copy()
    assert agent[len(agent) // 2, len(agent) // 2] == pytest.approx([230, 40, 40], rel=0.05)
    assert agent[0, 0].tolist() == [0, 0, 0]
    assert agent[..., 0].mean() / 230 == pytest.approx(np.pi * 0.6**2 / 4, rel=0.05)
    for cell in ((1, 1), (1, 2), (2, 3)):
        cell_of(image, cell, size)[:] = 0
    assert not image.any()


def test_the_switch_under_the_agent_is_visible() -> None:
    env = make(layout=SMALL, task="switch")
    cells = []
    for state, wanted in ((0, 0), (0, 1), (1, 0), (1, 1)):
        for goal in ([1, 2], [0, 0]):
            options = {"factors": {"agent": [1, 2], "switches": [state]}}
            goals = {"agent": goal, "switches": [wanted]}
            observation, _ = env.reset(seed=0, options=options | {"goal": goals})
            cells.append(cell_of(observation, (1, 2), 4))
            assert (cells[-1] == [230, 40, 40]).all(axis=2).mean() > 0.2
    assert len({cell.tobytes() for cell in cells}) == 8


def test_a_marked_goal_marks_only_its_cell() -> None:
    env = make()
    observation, info = env.reset(seed=0)
    plain = env.render_factors({})[0]
    different = (observation != plain).any(axis=2)
    row, column = info["goal"]["agent"]
    inside = np.zeros((64, 64), dtype=bool)
    inside[8 * row : 8 * row + 8, 8 * column : 8 * column + 8] = True
    assert different[inside].any()
    assert not different[~inside].any()


def test_a_goal_s_image_is_the_scene_there() -> None:
    env = make(switches=2, goal="image", task="reach")
    observation, info = env.reset(seed=0)
    goal = info["goal"]["agent"]
    assert np.array_equal(observation["observation"], env.render_factors({})[0])
    assert np.array_equal(observation["desired_goal"], env.render_factors({"agent": goal[None]})[0])
    observation = env.set_factors({"switches": 1 - info["factors"]["switches"]})
    assert np.array_equal(observation["desired_goal"], env.render_factors({"agent": goal[None]})[0])
    assert np.array_equal(env.set_factors({"agent": goal})["observation"], observation["desired_goal"])

    env = make(switches=2, goal="image", task="switch")
    observation, info = env.reset(seed=0)
    wanted = {name: value[None] for name, value in info["goal"].items()}
    assert np.array_equal(observation["desired_goal"], env.render_factors(wanted)[0])


def test_states_have_shades() -> None:
    env = make(layout=SMALL, switch_states=7)
    env.reset(seed=0)
    rendered = env.render_factors({"switches": np.arange(7)[:, None]})
    shades = [cell_of(image, (1, 2), 4)[8, 8].tolist() for image in rendered]
    assert [shade[0] + shade[2] for shade in shades] == [0] * 7
    assert np.diff([shade[1] for shade in shades]).min() > 20


@settings(max_examples=25, deadline=None)
@given(st.integers(4, 16), st.integers(0, 2**32), st.sampled_from(["drawn", "image"]))
def test_rendering_changes_gives_the_whole_image(size: int, seed: int, goal: str) -> None:
    """A scene looks the same however it was reached, as if rendered alone from scratch."""
    kwargs: dict[str, Any] = {"size": size, "switches": 2, "switch_states": 3, "water": 0.1, "task": "switch"}
    kwargs |= {"max_steps": 7, "goal": goal}
    env, single = vector(4, **kwargs), make(**kwargs)
    env.reset(seed=seed)
    env.action_space.seed(seed)
    for _ in range(12):
        observations = env.step(env.action_space.sample())[0]
    for row, scene in enumerate(env.scene()):
        for other in (single, make(**kwargs)):
            again, _ = other.reset(options={"scene": scene})
            for alone, seen in zip(images(again), images(observations), strict=True):
                assert np.array_equal(alone, seen[row])


def images(observation: Any) -> list[Any]:
    return list(observation.values()) if isinstance(observation, dict) else [observation]


def test_any_factors_are_rendered_in_the_first_layout() -> None:
    env = vector(3, switches=1)
    env.reset(seed=0)
    block = np.argwhere(env.layouts[0] == BLOCK)[0]
    image = env.render_factors({"agent": np.array([block, [0, 0]])})
    assert image.shape == (2, 64, 64, 3)
    assert cell_of(image[0], block, 8)[4, 4].tolist() == [230, 40, 40]
    assert env.render_factors({"agent": np.zeros((0, 2), dtype=int)}).shape == (0, 64, 64, 3)


GOLDEN = {
    "default": "06d441f4fe99",
    "paper": "b376a6b566b7",
    "switch": "cbe01f788106",
    "image": "51686be184b4",
    "none": "c02ab6cdb0b0",
}
"""Hashes of images; a change of rendering, moving or sampling raises the environment's version."""

GOLDEN_SETTINGS: dict[str, dict[str, Any]] = {
    "default": {},
    "paper": {"layout": "paper", "actions": ("down", "left", "right", "up", "up_again", "down_left")},
    "switch": {"size": 7, "switches": 2, "water": 0.1, "task": "switch", "switch_states": 3},
    "image": {"size": 4, "switches": 1, "blocks": 0.0, "task": "switch", "goal": "image"},
    "none": {"size": 16, "task": "none"},
}


@pytest.mark.parametrize("name", GOLDEN_SETTINGS)
def test_golden_frames(name: str) -> None:
    env = make(**GOLDEN_SETTINGS[name])
    observation, _ = env.reset(seed=0)
    seen = hashlib.sha256()
    for step in range(20):
        for image in images(observation):
            seen.update(image.tobytes())
        observation, *_ = env.step(step * 5 % len(env.actions))
    assert seen.hexdigest()[:12] == GOLDEN[name]
