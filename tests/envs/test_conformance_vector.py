"""Every native vector environment equals single ones bit for bit."""

import copy
import json
from collections.abc import Mapping
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.vector import AutoresetMode, SyncVectorEnv

from tests.envs.conformance import (
    CASES,
    actions_for,
    bad_actions,
    check_same,
    each_id,
    each_setting,
    images,
    make,
    rollout,
    same,
    stacked,
)

MODES = list(AutoresetMode)
ALONE = "a copy in a batch must do what it does alone: use rows, and one generator for each row"


def pair(name: str, mode: AutoresetMode, settings: dict[str, Any], n: int = 3) -> tuple[Any, SyncVectorEnv]:
    native: Any = gym.make_vec(name, num_envs=n, autoreset_mode=mode, **settings)
    sync = SyncVectorEnv([lambda: make(name, **settings)] * n, autoreset_mode=mode)
    entry = str(gym.spec(name).vector_entry_point)
    assert entry.endswith(f":{native.unwrapped.__class__.__name__}"), f"make_vec must make {entry}"
    return native, sync


@pytest.mark.parametrize("mode", MODES)
@each_setting
def test_vector_equals_single(name: str, settings: dict[str, Any], mode: AutoresetMode) -> None:
    native, sync = pair(name, mode, settings)
    assert native.metadata["autoreset_mode"] is mode
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    check_same(native.reset(seed=11), sync.reset(seed=11), ALONE)
    for step, action in enumerate(actions_for(native, 24)):
        if step in (2, 15):  # from now on the copies' episodes end at different times
            mask = np.array([step == 15, True, False])
            check_same(reset(native, mask), reset(sync, mask), ALONE)
        ours = native.step(action)
        check_same(ours, sync.step(action), ALONE)
        if mode is AutoresetMode.DISABLED and (ended := ours[2] | ours[3]).any():
            check_same(reset(native, ended), reset(sync, ended), ALONE)
    check_same(native.reset(seed=[4, None, 2]), sync.reset(seed=[4, None, 2]), ALONE)


def reset(env: Any, mask: Any) -> Any:
    return env.reset(options={"reset_mask": mask.copy()})


@each_setting
def test_success_ends_the_episodes_of_successful_copies(name: str, settings: dict[str, Any]) -> None:
    """From a start at the goal, standing still, success comes in the middle of an episode."""
    case = CASES[name]
    settings = settings | {"max_steps": 8, "terminate_on_success": True} | case.exact
    native, _ = pair(name, AutoresetMode.SAME_STEP, settings)
    singles = [make(name, **settings) for _ in range(3)]
    space = native.unwrapped.simulation.goal_space
    if not space.spaces:
        return  # a task without a goal
    here, there = (whole(space, scene) for scene in case.possible)
    options = [{"factors": start, "goal": there} for start in (here, there, here)]
    native.reset(seed=0, options={key: stacked([o[key] for o in options]) for key in ("factors", "goal")})
    for i, env in enumerate(singles):
        env.reset(seed=i, options=options[i])
    still = case.still(singles[0])
    for _ in range(7):
        _, rewards, terminated, _, infos = native.step(np.array([still] * 3))
        stepped = [env.step(still) for env in singles]
        assert [float(r) for r in rewards] == [s[1] for s in stepped], ALONE
        assert terminated.tolist() == [s[2] for s in stepped], ALONE
        if terminated.any():
            break
    assert terminated.tolist() == [False, True, False], (
        "with terminate_on_success=True, 7 steps of `still` must end the copy that begins at its goal, "
        f"and no other; terminated: {terminated.tolist()}"
    )
    assert infos["final_info"]["is_success"].tolist() == [False, True, False], (
        "is_success must be true where the episode ends by success"
    )


def whole(space: Any, scene: dict[str, Any]) -> dict[str, Any]:
    """All factors that a goal has, those that a scene doesn't name at 0."""
    return {name: scene.get(name, np.zeros(part.shape, part.dtype)) for name, part in space.items()}


@each_setting
def test_vector_takes_options_with_a_leading_axis(name: str, settings: dict[str, Any]) -> None:
    native, _ = pair(name, AutoresetMode.NEXT_STEP, settings, n=2)
    singles = [make(name, **settings) for _ in range(2)]
    scenes = CASES[name].possible
    keys = ("goal", "factors") if native.unwrapped.simulation.goal_space.spaces else ("factors",)
    for key in keys:
        observations, infos = native.reset(seed=3, options={key: stacked(scenes)})
        for i, (env, scene) in enumerate(zip(singles, scenes, strict=True)):
            observation, info = env.reset(seed=3 + i, options={key: scene})
            check_same(images(observation), [image[i] for image in images(observations)], ALONE)
            check_same(info["factors"], at(unmasked(infos["factors"]), i), ALONE)
            check_same(info["goal"], at(unmasked(infos["goal"]), i), ALONE)
    set_alone = [env.set_factors(scene) for env, scene in zip(singles, scenes, strict=True)]
    set_together = native.unwrapped.set_factors(stacked(scenes))
    check_same(images(set_together)[0][1], images(set_alone[1])[0], ALONE)
    check_same(native.unwrapped.scene(), [env.scene() for env in singles], ALONE)


def at(tree: Mapping[str, Any], i: int) -> dict[str, Any]:
    """One row of a batch; numbers come out as Python's own."""
    return {key: value[i] if value.ndim > 1 else value[i].item() for key, value in tree.items()}


def unmasked(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if not key.startswith("_")}


@each_setting
def test_vector_continues_from_scenes(name: str, settings: dict[str, Any]) -> None:
    native, other = (gym.make_vec(name, num_envs=3, **settings) for _ in range(2))
    native.reset(seed=5)
    actions = actions_for(native, 12)
    rollout(native, actions[:2])
    scenes = json.loads(json.dumps(native.unwrapped.scene()))  # type: ignore[attr-defined]
    other.reset(options={"scene": scenes})
    sentence = "scene() must hold all that the future depends on, and restore() must restore it"
    check_same(rollout(native, actions[2:]), rollout(other, actions[2:]), sentence)
    with pytest.raises(ValueError, match=r"list of 3 scenes"):
        other.reset(options={"scene": scenes[0]})


@each_id
def test_vector_gives_fresh_arrays(name: str) -> None:
    sentence = "returned arrays must be fresh: a later step, or writing into them, changes them or the state"
    native = gym.make_vec(name, num_envs=3)
    first = native.reset(seed=5)
    kept = copy.deepcopy(first)
    actions = actions_for(native, 2)
    second = native.step(actions[0])
    kept_second = copy.deepcopy(second)
    for image in images(first[0]):
        image[:] = 7
    native.step(actions[1])
    check_same(second, kept_second, sentence)
    again = gym.make_vec(name, num_envs=3)
    check_same(again.reset(seed=5), kept, sentence)


@each_id
def test_vector_refuses_bad_arguments(name: str) -> None:
    case = CASES[name]
    native: Any = gym.make_vec(name, num_envs=3, autoreset_mode="Disabled", max_steps=1, **case.plain)
    with pytest.raises(ResetNeeded):
        native.step(native.action_space.sample())
    with pytest.raises(ResetNeeded):
        native.reset(options={"reset_mask": np.array([True, False, False])})
    native.reset(seed=1)
    before = native.unwrapped.scene()
    factor, value = next(iter(case.possible[0].items()))
    if case.impossible is not None:
        with pytest.raises(ValueError, match="is impossible"):
            native.reset(seed=2, options={"factors": stacked([case.impossible] * 3)})
    for options, message in (
        ({"factors": {factor: np.array(value)}}, "must have shape"),
        ({"goal": {factor: np.array([value] * 2)}}, "must have shape|there is none"),
        ({"reset_mask": np.array([True])}, r"shape \(3,\)"),
        ({"reset_mask": np.zeros(3, dtype=bool)}, "true somewhere"),
        ({"mask": np.ones(3, dtype=bool)}, "unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            native.reset(seed=2, options=options)
    with pytest.raises(ValueError, match="bool"):
        native.reset(seed=2, options={"reset_mask": [True, True, True]})
    with pytest.raises(ValueError, match="must have 3 entries"):
        native.reset(seed=[1, 2])
    for seed in (-1, 1.5, True, "abc", [1, -2, 3], [1, 2, "3"], {1}):
        with pytest.raises(ValueError, match=r"seed.* must be "):
            native.reset(seed=seed, options={"scene": before})
    for scenes in (before[:2], 3, [before[0], before[1], before[2] | {"steps": 10**30}]):
        with pytest.raises(ValueError, match=r"list of 3 scenes|scene's steps must be"):
            native.reset(options={"scene": scenes})
    with pytest.raises(ValueError, match="options must be a dict or None, not 7"):
        native.reset(options=7)
    actions = native.action_space.sample()
    actions[1], reason = bad_actions(native.single_action_space)[0][0]
    with pytest.raises(ValueError, match=f"sub-environment 1 is {reason}"):
        native.step(actions)
    check_same(native.unwrapped.scene(), before, "refused arguments must change nothing")
    native.step(native.action_space.sample())
    with pytest.raises(ResetNeeded, match=r"\[0, 1, 2\]"):
        native.step(native.action_space.sample())
    for copies in (0, None, 1.5, True):
        with pytest.raises(ValueError, match="num_envs must be "):
            gym.make_vec(name, num_envs=copies)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="unknown autoreset_mode 'Sometimes'"):
        gym.make_vec(name, autoreset_mode="Sometimes")


@each_id
def test_vector_renders_what_single_does(name: str) -> None:
    native = gym.make_vec(name, num_envs=2, render_mode="rgb_array")
    native.reset(seed=8)
    env = make(name, render_mode="rgb_array")
    env.reset(seed=9)
    frames = native.render()
    assert frames is not None
    check_same(frames[1], env.render(), ALONE)


@each_id
def test_vector_generators_are_the_single_ones(name: str) -> None:
    native: Any = gym.make_vec(name, num_envs=2).unwrapped
    native.reset(seed=8)
    env = make(name)
    env.reset(seed=9)
    assert native.np_random_seed == (8, 9)
    assert same(native.np_random[1].bit_generator.state, env.np_random.bit_generator.state)


@each_id
def test_the_seed_of_a_restored_generator_is_unknown(name: str) -> None:
    native: Any = gym.make_vec(name, num_envs=2).unwrapped
    native.reset(seed=8)
    native.reset(options={"scene": native.scene()})
    env = make(name)
    env.reset(seed=9)
    env.reset(options={"scene": env.unwrapped.scene()})
    assert native.np_random_seed == (-1, -1)
    assert env.np_random_seed == -1  # as in Gymnasium, of a generator that was set
    native.reset(seed=3, options={"scene": native.scene()})
    assert native.np_random_seed == (3, 4)
