"""What Gymnasium's own tools ask: time limits, specs, and a vector environment's `call`; for every id."""

import json
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv
from gymnasium.wrappers import TimeAwareObservation, TimeLimit

from tests.envs.conformance import CASES, check_same, each_id, make, stacked
from unknot.envs import ENVIRONMENTS


def settings_of(name: str, **settings: Any) -> dict[str, Any]:
    return {**CASES[name].settings[0], "max_steps": 7, "terminate_on_success": False, **settings}


@each_id
@pytest.mark.parametrize(
    ("mode", "limit"),  # below max_steps and above it
    [(AutoresetMode.NEXT_STEP, 3), (AutoresetMode.SAME_STEP, 9), (AutoresetMode.DISABLED, 3)],
)
def test_the_time_limit_of_the_native_vector_is_that_of_single_ones(
    name: str, mode: AutoresetMode, limit: int
) -> None:
    settings = settings_of(name, max_episode_steps=limit)
    native: Any = gym.make_vec(name, num_envs=2, autoreset_mode=mode, **settings)
    workers: Any = SyncVectorEnv([lambda: gym.make(name, **settings)] * 2, autoreset_mode=mode)
    native.action_space.seed(0)
    check_same(native.reset(seed=3), workers.reset(seed=3), "resets must be equal")
    lengths = []
    for step in range(1, 9):
        actions = native.action_space.sample()
        result, expected = native.step(actions), workers.step(actions)
        check_same(result, expected, f"step {step} must be equal under a limit of {limit}")
        if (result[2] | result[3]).any():
            lengths.append(step)
        if mode is AutoresetMode.DISABLED and (result[2] | result[3]).any():
            ended = result[2] | result[3]
            again = [each.reset(options={"reset_mask": ended.copy()}) for each in (native, workers)]
            check_same(again[0][0], again[1][0], "observations after a partial reset must be equal")
    assert lengths[0] == min(limit, 7)


@each_id
def test_a_time_limit_counts_from_the_reset_and_max_steps_from_the_scene(name: str) -> None:
    native: Any = gym.make_vec(name, num_envs=2, max_episode_steps=3, **settings_of(name))
    native.reset(seed=0)
    native.step(native.action_space.sample())
    native.reset(options={"scene": native.unwrapped.scene()})
    ends = []
    for _ in range(3):
        _, _, terminated, truncated, _ = native.step(native.action_space.sample())
        ends.append(bool((terminated | truncated).all()))
    assert ends == [False, False, True]


@each_id
def test_gymnasium_knows_how_long_episodes_are(name: str) -> None:
    env = gym.make(name, **settings_of(name))
    assert env.spec is not None
    assert env.spec.max_episode_steps == 7
    assert gym.make_vec(name, num_envs=2, **settings_of(name)).spec.max_episode_steps == 7  # type: ignore[union-attr]
    aware = TimeAwareObservation(env, flatten=False)
    aware.reset(seed=0)
    observation = aware.step(aware.action_space.sample())[0]
    assert aware.observation_space.contains(observation)

    short = gym.make(name, max_episode_steps=4, **settings_of(name))
    assert short.spec is not None
    assert short.spec.max_episode_steps == 4
    limits, layer = 0, short
    while isinstance(layer, gym.Wrapper):
        limits, layer = limits + isinstance(layer, TimeLimit), layer.env
    assert limits == 1
    assert gym.make(short.spec).spec == short.spec


@each_id
@pytest.mark.parametrize("mode", ["sync", None])
def test_a_registration_may_have_a_time_limit(name: str, mode: str | None) -> None:
    entry = gym.spec(name)
    gym.register(
        "mine/Limited-v0", entry.entry_point, vector_entry_point=entry.vector_entry_point, max_episode_steps=2
    )
    try:
        vector: Any = gym.make_vec("mine/Limited-v0", 2, vectorization_mode=mode, **settings_of(name))
        vector.reset(seed=0)
        first, second = (vector.step(vector.action_space.sample())[3] for _ in range(2))
        assert not first.any()
        assert second.all()
        if mode is None:
            assert vector.spec.max_episode_steps == 2
            shorter: Any = gym.make_vec("mine/Limited-v0", 2, max_episode_steps=1, **settings_of(name))
            assert shorter.spec.max_episode_steps == 1
            shorter.reset(seed=0)
            assert shorter.step(shorter.action_space.sample())[3].all()
    finally:
        del gym.registry["mine/Limited-v0"]


def test_a_time_limit_is_checked() -> None:
    with pytest.raises(ValueError, match="max_episode_steps must be at least 1, not 0"):
        gym.make_vec("unknot/Maze-v0", num_envs=2, max_episode_steps=0)


@each_id
def test_specs_are_json_and_make_the_same_again(name: str) -> None:
    settings = settings_of(name, autoreset_mode=AutoresetMode.SAME_STEP, max_episode_steps=3)
    native: Any = gym.make_vec(name, num_envs=2, **settings)
    text = native.spec.to_json()
    assert json.loads(text)["kwargs"]["autoreset_mode"] == "SameStep"
    again: Any = gym.make_vec(EnvSpec.from_json(text))
    assert again.spec == native.spec
    assert again.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP
    check_same(again.reset(seed=1), native.reset(seed=1), "a remade environment must be equal")


@each_id
def test_call_returns_for_each_copy_what_single_ones_do(name: str) -> None:
    settings = settings_of(name, render_mode="rgb_array")
    native: Any = gym.make_vec(name, num_envs=2, **settings)
    workers: Any = gym.make_vec(name, num_envs=2, vectorization_mode="sync", **settings)
    for each in (native, workers):
        each.reset(seed=3)
    for method in ("render", "scene"):
        check_same(native.call(method), workers.call(method), f"{method} must be that of single environments")
    for attribute in ("observation_space", "action_space", "factor_space", "np_random_seed", "render_mode"):
        assert native.get_attr(attribute) == workers.get_attr(attribute)
    drawn = [[rng.random() for rng in each.get_attr("np_random")] for each in (native, workers)]
    assert drawn[0] == drawn[1]
    factors = CASES[name].possible[0]
    if CASES[name].plain:
        native = gym.make_vec(name, num_envs=2, **CASES[name].plain)
        native.reset(seed=0)
    before = native.unwrapped.scene()
    native.call("set_factors", stacked([{key: scene["factors"][key] for key in factors} for scene in before]))
    check_same([s["factors"] for s in native.call("scene")], [s["factors"] for s in before], "nothing moved")
    with pytest.raises(AttributeError):
        native.call("nonsense")


def test_attributes_with_as_many_entries_as_copies_stay_whole() -> None:
    native: Any = gym.make_vec("unknot/Maze-v0", num_envs=6)
    single = make("unknot/Maze-v0")
    assert len(single.actions) == 6
    assert native.get_attr("actions") == (single.actions,) * 6


@pytest.mark.parametrize("name", [name for name in ENVIRONMENTS if "Grasp" not in name])
def test_libraries_that_look_at_base_classes_see_gymnasium_s(name: str) -> None:
    for env in (gym.make(name), gym.make_vec(name, num_envs=2)):
        bases = {base.__module__.partition(".")[0] for base in type(env).__bases__}  # as skrl does
        assert "gymnasium" in bases


def test_masks_can_be_called_for() -> None:
    native: Any = gym.make_vec("unknot/MnistGrid-v0", num_envs=2, digits="digits")
    _, infos = native.reset(seed=0)
    assert np.array_equal(np.stack(native.call("action_masks")), infos["action_mask"] == 1)
