"""The contract of every single environment: spaces, seeds, scenes, factors, refusals, frames."""

import copy
import json
import pickle
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env

from tests.envs.conformance import (
    CASES,
    IDS,
    actions_for,
    bad_actions,
    check_same,
    describe,
    each_id,
    each_setting,
    images,
    make,
    make_plain,
    outside,
    param,
    refusal,
    rollout,
    same,
)
from unknot.envs import ENVIRONMENTS, Simulation

LEAST_FRAME = 200
"""Pixels that a frame for people has at least along each axis."""


def test_every_environment_of_the_table_has_a_case() -> None:
    cases = {name for name in CASES if name.startswith("unknot/")}
    assert cases == set(ENVIRONMENTS), "add a case for the environment to CASES in tests/envs/conformance.py"


@each_id
def test_the_simulation_has_the_required_settings(name: str) -> None:
    simulation = make(name).simulation
    assert isinstance(simulation, Simulation)
    settings = gym.spec(name).kwargs | {"max_steps": 1, "terminate_on_success": False}
    try:
        env = make(name, **settings)
    except TypeError as error:
        pytest.fail(f"the simulation must take max_steps and terminate_on_success ({error})")
    assert getattr(env.simulation, "max_steps", None) == 1, "the simulation must have the attribute max_steps"
    env.reset(seed=0)
    _, _, terminated, truncated, _ = env.step(env.action_space.sample())
    assert terminated or truncated, "with max_steps=1 the first step must end the episode"


@each_id
def test_steps_are_counted_from_each_reset(name: str) -> None:
    env = make(name)
    for _ in range(2):
        env.reset(seed=0)
        assert env.scene()["steps"] == 0, "reset() must set the step count to 0"
        env.step(env.action_space.sample())
        assert env.scene()["steps"] == 1, "step() must count the steps"


@each_id
def test_infos_have_factors_goal_and_success(name: str) -> None:
    env = make(name)
    for _, info in (env.reset(seed=0), env.reset()):
        for key in ("factors", "goal", "is_success"):
            assert key in info, f"info() must return {key!r}"
        for key, space in (("factors", env.factor_space), ("goal", env.goal_space)):
            assert info[key].keys() == space.spaces.keys(), f"info()'s {key} must have exactly {list(space)}"
        assert type(info["is_success"]) is bool, "info()'s is_success must be an array of bool"


@each_id
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space.*")
def test_gymnasium_checks_it(name: str) -> None:
    check_env(gym.make(name, render_mode="rgb_array", disable_env_checker=True).unwrapped)


@each_id
@pytest.mark.filterwarnings(
    "ignore:.*We recommend you to use a symmetric and normalized Box action space.*",
    "ignore:The minimal resolution for an image.*",
)
def test_stable_baselines3_checks_it(name: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make(name))


@each_id
def test_a_fresh_process_finds_it_by_its_module_s_name(name: str) -> None:
    line = f"import gymnasium as gym; gym.make('{CASES[name].module}:{name}').reset(seed=0)"
    subprocess.run([sys.executable, "-c", line], check=True, cwd=Path(__file__).parents[2])


# Seeds and scenes


@each_setting
def test_one_seed_gives_one_rollout(name: str, settings: dict[str, Any]) -> None:
    sentence = "equal seeds and actions must give equal results: all randomness is the generators'"
    first, second = make(name, **settings), make(name, **settings)
    check_same(first.reset(seed=5), second.reset(seed=5), sentence)
    actions = actions_for(first, 4)
    check_same(rollout(first, actions), rollout(second, actions), sentence)
    check_same(first.reset(), second.reset(), sentence)
    different = not same(first.reset(seed=6), second.reset(seed=7))
    assert different, "reset() must sample factors that are not given: seeds 6 and 7 give the same episode"


@each_setting
def test_a_scene_continues_where_it_was_taken(name: str, settings: dict[str, Any]) -> None:
    env, other = make(name, **settings), make(name, **settings)
    env.reset(seed=1)
    actions = actions_for(env, 4)
    last = rollout(env, actions[:2])[-1]
    scene = json.loads(json.dumps(env.scene()))
    observed = other.reset(options={"scene": scene})
    sentence = "scene() must hold all that the future depends on, and restore() must restore it"
    check_same(observed, (last[0], last[4]), sentence)
    check_same(rollout(env, actions[2:]), rollout(other, actions[2:]), sentence)
    check_same(env.reset(), other.reset(), sentence)


@each_id
def test_a_seed_overrides_a_scene_s_random_state(name: str) -> None:
    env, other = make(name), make(name)
    env.reset(seed=1)
    scene = env.scene()
    assert same(env.reset(seed=9, options={"scene": scene}), other.reset(options={"scene": scene}))
    other.reset(seed=9)
    assert env.scene()["random_state"] != scene["random_state"]
    assert env.np_random_seed == other.np_random_seed == 9


@each_id
@pytest.mark.parametrize("key", ["factors", "goal", "layout", "steps", "random_state"])
def test_a_scene_with_a_missing_or_bad_entry_is_refused(name: str, key: str) -> None:
    env = make(name)
    env.reset(seed=1)
    before = env.scene()
    assert key in before, f"scene() must return {key!r}"
    sentence = f"restore() must refuse a scene with a bad {key!r} by a ValueError"
    for change in ({k: v for k, v in before.items() if k != key}, before | {key: {"not": "one"}}):
        words = refusal(lambda change=change: env.reset(seed=3, options={"scene": change}), sentence)  # type: ignore[misc]
        assert key in words, f"restore()'s error must name {key!r}; it says: {words}"
    check_same(env.scene(), before, "a refused scene must change nothing")


@each_setting
def test_specs_and_environments_are_pickled_and_copied(name: str, settings: dict[str, Any]) -> None:
    env = gym.make(name, **settings)
    env.reset(seed=4)
    twin: Any = gym.make(pickle.loads(pickle.dumps(env.spec)))
    check_same(env.reset(seed=4), twin.reset(seed=4), "an unpickled spec must make the same environment")
    copies = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    actions = actions_for(env, 4)
    expected = rollout(env, actions)
    for other in copies:
        check_same(
            expected, rollout(other, actions), "a copied or unpickled environment must continue the same"
        )


# Factors


@each_id
def test_set_factors_changes_these_and_keeps_the_rest(name: str) -> None:
    env = make_plain(name)
    env.reset(seed=1)
    env.step(env.action_space.sample())
    before = env.scene()
    env.set_factors({})
    check_same(env.scene(), before, "place({}) must change nothing")
    for scene in CASES[name].possible:
        env.set_factors(scene)
        after = env.scene()
        history = {key: after[key] for key in CASES[name].history}
        expected = before | {"factors": before["factors"] | scene} | history
        check_same(after, expected, "place() must set the given factors and keep goal, steps and the rest")


@each_id
def test_an_observation_shows_what_render_factors_renders(name: str) -> None:
    sentence = "where no goal is marked, the observed image must equal that of render_factors()"
    env = make_plain(name)
    env.reset(seed=1)
    for scene in CASES[name].possible:
        image = images(env.set_factors(scene))[0]
        check_same(image, env.render_factors({k: np.array([v]) for k, v in scene.items()})[0], sentence)
    check_same(env.render_factors({})[0], image, "factors that are not given must be the first copy's")


@each_id
def test_different_factors_give_different_images(name: str) -> None:
    env = make_plain(name)
    factors = env.sample_factors(50, np.random.default_rng(0))
    assert all(env.factor_space.contains({k: v[i] for k, v in factors.items()}) for i in range(50))
    rendered = env.render_factors(factors)
    expected = (50, *images(env.observation_space)[0].shape)
    found = rendered.dtype, rendered.shape
    assert found == (np.uint8, expected), f"render_factors() must return uint8 {expected}, not {found}"
    scenes = {b"".join(v[i].tobytes() for v in factors.values()) for i in range(50)}
    distinct = len({image.tobytes() for image in rendered})
    assert distinct == len(scenes), f"{len(scenes)} different scenes give {distinct} different images"


# Refusals


@each_id
def test_an_impossible_scene_is_refused_and_named(name: str) -> None:
    case = CASES[name]
    if case.impossible is None:
        return
    env = make_plain(name)
    env.reset(seed=1)
    before = env.scene()
    goal_scene = before | {"goal": before["goal"] | case.impossible}
    attempts: list[Callable[[], Any]] = [
        lambda: env.set_factors(case.impossible),
        lambda: env.reset(seed=2, options={"factors": case.impossible}),
        lambda: env.reset(seed=2, options={"goal": case.impossible}),
        lambda: env.reset(seed=2, options={"scene": goal_scene}),
    ]
    for attempt in attempts:
        words = refusal(attempt, f"check() must refuse {case.impossible}")
        expected = describe(case)
        assert expected in words, f"check()'s error must say {expected + 'REASON'!r}; it says: {words}"
    check_same(env.scene(), before, "a refused scene must change nothing")


@each_id
def test_factors_of_another_name_shape_or_range_are_refused(name: str) -> None:
    env = make_plain(name)
    env.reset(seed=1)
    before = env.scene()
    for factor, space in env.factor_space.items():
        with pytest.raises(ValueError, match="must be in"):
            env.set_factors({factor: outside(space)})
        with pytest.raises(ValueError, match="must have shape"):
            env.set_factors({factor: np.ones((*space.shape, 2), dtype=space.dtype)})
    with pytest.raises(ValueError, match="unknown factors name"):
        env.set_factors({"colour": 1})
    check_same(env.scene(), before, "refused factors must change nothing")


@each_id
def test_unknown_options_are_refused(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    before = env.scene()
    with pytest.raises(ValueError, match="did you mean 'factors'"):
        env.reset(seed=2, options={"factor": {}})
    with pytest.raises(ValueError, match="alone"):
        env.reset(seed=2, options={"scene": before, "goal": {}})
    assert env.scene() == before


@each_id
def test_a_refused_reset_changes_nothing(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    env.step(env.action_space.sample())
    before, seed = env.scene(), env.np_random_seed
    other = before | {"steps": before["steps"] + 1}
    for arguments, message in (
        ({"seed": -1, "options": {"scene": other}}, "seed must be at least 0, not -1"),
        ({"seed": 1.5}, "seed must be a whole number of at least 0, not 1.5"),
        ({"seed": 2, "options": 7}, "options must be a dict or None, not 7"),
        ({"seed": 2, "options": []}, r"options must be a dict or None, not \[\]"),
        (
            {"options": {"scene": before | {"steps": 10**30}}},
            "scene's steps must be a whole number from 0 to",
        ),
        ({"options": {"scene": before | {"steps": True}}}, "scene's steps must be a whole number from 0 to"),
        ({"options": {"scene": other | {"random_state": {}}}}, "scene's random_state must be"),
    ):
        with pytest.raises(ValueError, match=message):
            env.reset(**arguments)
        check_same(env.scene(), before, "a refused reset must change nothing")
        assert env.np_random_seed == seed


@each_id
def test_ragged_factors_are_refused_by_name(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    factor = next(iter(env.factor_space))
    for value in ([[1], [1, 2]], [object()], "abc", None):
        with pytest.raises(ValueError, match=rf"factors\['{factor}'\] must be "):
            env.set_factors({factor: value})
        with pytest.raises(ValueError, match=rf"factors\['{factor}'\] must be "):
            env.render_factors({factor: value})


@each_id
def test_bad_lengths_of_episodes_and_flags_are_refused(name: str) -> None:
    for steps in (0, -1, 1.5, np.nan, np.inf, True, "3", None, [3], 2**63):
        with pytest.raises(ValueError, match="max_steps must be "):
            make(name, max_steps=steps)
    flags: tuple[Any, ...] = (0, 1, "False", None, [], np.array(True))
    for flag in flags:
        with pytest.raises(ValueError, match="terminate_on_success must be True or False"):
            make(name, terminate_on_success=flag)
    for copies in (0, None, 1.5, True, 10**7, [2]):
        with pytest.raises(ValueError, match="num_envs must be "):
            make(name).simulation_class(copies)


@each_id
def test_samples_need_a_count_and_a_generator(name: str) -> None:
    env = make(name)
    for n in (-1, 1.5, None, True, 10**12):
        with pytest.raises(ValueError, match="n must be "):
            env.sample_factors(n, np.random.default_rng(0))
    for rng in (0, None, np.random.RandomState(0)):
        with pytest.raises(ValueError, match=r"rng must be a numpy\.random\.Generator"):
            env.sample_factors(2, rng)


@each_id
def test_no_scene_is_rendered_to_no_image(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    assert env.render_factors(env.sample_factors(0, np.random.default_rng(0))).shape[0] == 0


@each_id
def test_bad_actions_are_refused(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    before = env.scene()
    bad, shapeless = bad_actions(env.action_space)
    for action, reason in bad:
        with pytest.raises(ValueError, match=reason):
            env.step(action)
    for action in (*shapeless, "up", None, [[1], [1, 2]]):
        with pytest.raises(ValueError, match=r"shape|array of numbers"):
            env.step(action)
    assert env.scene() == before


@each_id
def test_nothing_happens_before_the_first_reset(name: str) -> None:
    env = make(name, render_mode="rgb_array")
    for act in (
        lambda: env.step(env.action_space.sample()),
        lambda: env.set_factors({}),
        env.scene,
        env.render,
    ):
        with pytest.raises(ResetNeeded):
            act()


@each_id
def test_unknown_settings_are_refused(name: str) -> None:
    entry: Any = gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))
    with pytest.raises(ValueError, match="unknown render_mode 'rgb'; did you mean 'rgb_array'"):
        entry(render_mode="rgb")
    with pytest.raises(TypeError, match="wings"):
        make(name, wings=2)


# For people


@each_id
def test_frames_for_people_show_scene_and_goal(name: str) -> None:
    env = make_plain(name, render_mode="rgb_array")
    first, second = CASES[name].possible
    goals = [first, second] if env.goal_space.spaces else [{}]
    frames = []
    for options in ({"factors": a, "goal": b} for a in (first, second) for b in goals):
        env.reset(seed=1, options=options)
        frames.append(env.render())
    for frame in frames:
        rgb = frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3
        assert rgb, f"frame() must return RGB, uint8 (height, width, 3), not {frame.dtype} {frame.shape}"
        large = min(frame.shape[:2]) >= LEAST_FRAME
        assert large, f"frame() must be at least {LEAST_FRAME} pixels high and wide, not {frame.shape[:2]}"
    distinct = len({frame.tobytes() for frame in frames})
    assert distinct == len(frames), "frame() must show both scene and goal: some frames are equal"


@each_id
def test_a_window_opens_and_closes(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip("pygame")
    monkeypatch.setenv("SDL_VIDEODRIVER", "dummy")
    env = make(name, render_mode="human")
    env.metadata = env.metadata | {"render_fps": 1000}
    env.reset(seed=1)
    env.step(env.action_space.sample())
    assert env.render() is None
    copy.deepcopy(env).step(env.action_space.sample())
    env.close()
    env.close()


@each_id
def test_a_window_without_pygame_says_what_to_install(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "pygame", None)
    env = make(name, render_mode="human")
    with pytest.raises(ImportError, match=r'pip install "unknot\[play\]"'):
        env.reset(seed=1)


@pytest.mark.parametrize("name", [param(name) for name in IDS if CASES[name].has_keys])
def test_keys_give_actions(name: str) -> None:
    env = make(name)
    assert hasattr(env, "get_keys_to_action"), (
        "the single environment must have get_keys_to_action(), or its case has_keys=False"
    )
    keys = env.get_keys_to_action()
    for pressed, action in keys.items():
        assert env.action_space.contains(action), (
            f"get_keys_to_action() gives {action}, not in the action space"
        )
        integers = pressed and all(type(key) is int for key in pressed)
        assert integers, f"get_keys_to_action() must have tuples of pygame's integers as keys, not {pressed}"
