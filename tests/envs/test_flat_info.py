"""Infos without dicts, and the form that stable-worldmodel expects."""

from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tests.envs.conformance import CASES, check_same, each_id
from unknot.envs import FactorVectorObservation, FlatInfo, FlatVectorInfo, WorldModelEnv

SETTINGS: dict[str, dict[str, Any]] = {
    "unknot/Planar-v0": {},
    "unknot/Maze-v0": {"goal": "image", "layout": "open"},
    "unknot/MnistGrid-v0": {"digits": "digits"},
}
each_with_goal = pytest.mark.parametrize("name", SETTINGS)


def world(name: str, **settings: Any) -> WorldModelEnv:
    return WorldModelEnv(gym.make(name, **SETTINGS[name] | settings))


@each_id
@pytest.mark.parametrize("mode", list(AutoresetMode))
def test_flat_infos_of_the_native_vector_are_those_of_single_ones(name: str, mode: AutoresetMode) -> None:
    settings = {**CASES[name].settings[0], "max_steps": 3}
    native: Any = FlatVectorInfo(gym.make_vec(name, num_envs=2, autoreset_mode=mode, **settings))
    workers = SyncVectorEnv([lambda: FlatInfo(gym.make(name, **settings))] * 2, autoreset_mode=mode)
    native.action_space.seed(0)
    check_same(native.reset(seed=3), workers.reset(seed=3), "resets must be equal")
    for step in range(3):
        actions = native.action_space.sample()
        check_same(native.step(actions), workers.step(actions), f"step {step} must be equal")


@each_id
def test_flat_infos_are_arrays_under_the_names_of_factors(name: str) -> None:
    env = gym.make(name, **CASES[name].settings[0])
    _, nested = env.reset(seed=1)
    _, flat = FlatInfo(env).reset(seed=1)
    assert all(isinstance(value, np.ndarray) for value in flat.values())
    for factor, value in nested["factors"].items():
        assert np.array_equal(flat[f"factors.{factor}"], value)
    assert {key.partition(".")[0] for key in flat} == {
        key for key, value in nested.items() if not isinstance(value, dict) or value
    }


def test_what_is_no_environment_has_no_flat_infos() -> None:
    single, vector = gym.make("unknot/Maze-v0"), gym.make_vec("unknot/Maze-v0", num_envs=2)
    cases: list[tuple[Any, Any]] = [(FlatInfo, vector), (FlatVectorInfo, single), (FlatInfo, None)]
    for wrapper, wrong in cases:
        with pytest.raises(ValueError, match=r"env must be a Gymnasium (Vector)?Env, not"):
            wrapper(wrong)


def test_wrapped_vector_environments_say_when_copies_are_reset() -> None:
    env: Any = FactorVectorObservation(gym.make_vec("unknot/Maze-v0", num_envs=2, autoreset_mode="Disabled"))
    assert FlatVectorInfo(env).autoreset_mode is AutoresetMode.DISABLED


@each_with_goal
def test_the_form_for_world_models_passes_gymnasium_s_checker(name: str) -> None:
    settings = {"normalize_actions": True} if "Planar" in name else {}
    check_env(world(name, **settings), skip_render_check=True)


@each_with_goal
def test_a_world_model_sees_scene_and_goal(name: str) -> None:
    env = world(name)
    seen, _ = env.env.reset(seed=2)
    observation, info = env.reset(seed=2)
    for image, shown in (("observation", env.render()), ("desired_goal", info["goal"])):
        assert np.array_equal(np.broadcast_to(seen[image], shown.shape), shown)
        assert shown.shape[-1] == 3
    after = env.step(env.action_space.sample())[4]
    assert np.array_equal(after["goal"], info["goal"])
    assert env.variation_space == env.env.unwrapped.factor_space  # type: ignore[attr-defined]
    factors = [np.ravel(info[f"factors.{name}"]) for name in env.variation_space]
    assert np.array_equal(observation["state"], np.concatenate(factors))


@each_with_goal
def test_problems_are_put_from_states(name: str) -> None:
    env = world(name)
    (first, start), (last, goal) = (env.reset(seed=seed) for seed in (0, 1))
    env.reset(seed=2)
    env.set_problem(*(seen["state"].astype(np.float32) for seen in (first, last)))  # as data sets hold them
    scene = env.env.unwrapped.scene()  # type: ignore[attr-defined]
    for factor, value in scene["factors"].items():
        assert np.allclose(value, start[f"factors.{factor}"])
    for factor, value in scene["goal"].items():
        assert np.allclose(value, goal[f"factors.{factor}"])


def test_an_episode_terminates_at_success_alone() -> None:
    env = world("unknot/Maze-v0", max_steps=2)
    cell = np.array([1.0, 1.0])
    env.set_problem(cell, np.array([2.0, 1.0]))
    keys = dict(enumerate(env.env.unwrapped.actions))  # type: ignore[attr-defined]
    down = next(action for action, name in keys.items() if name == "down")
    _, _, terminated, truncated, info = env.step(down)
    assert (terminated, truncated, bool(info["is_success"])) == (True, False, True)
    env.set_problem(cell, np.array([3.0, 3.0]))
    ends = [env.step(down)[2:4] for _ in range(2)]
    assert ends == [(False, False), (False, True)]


def test_a_task_without_a_goal_shows_none() -> None:
    env = world("unknot/Maze-v0", task="none")
    assert "goal" not in env.reset(seed=0)[1]


@pytest.mark.parametrize("env", [None, gym.make("CartPole-v1")], ids=str)
def test_a_world_model_needs_factors(env: Any) -> None:
    with pytest.raises(ValueError, match="with factor_space and goal_space"):
        WorldModelEnv(env)
