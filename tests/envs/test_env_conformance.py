"""What every environment does, asked of each that has a row."""

import copy
import importlib.util
import json
import pickle
import subprocess
import sys
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.error import ResetNeeded
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import unknot  # noqa: F401  registers the environments
from unknot.envs import ENVIRONMENTS


class Case(NamedTuple):
    """What the tests must know of an environment."""

    settings: tuple[dict[str, Any], ...]
    """Settings under which single and vector environments are compared; short episodes."""
    possible: tuple[dict[str, Any], dict[str, Any]]
    """Two scenes that can be begun with, of factors that goals have, too."""
    impossible: dict[str, Any] | None
    """A scene in the factor space that can't be; None where all can."""
    still: Callable[[Any], Any]
    """The action of an environment that changes nothing."""
    plain: dict[str, Any]
    """Settings under which one can change from each possible scene to the other, and no goal is drawn."""
    exact: dict[str, Any]
    """Settings under which nothing happens by chance."""
    history: tuple[str, ...] = ()
    """What a scene tells of how it came about, which begins anew when something is placed."""


GRASPING = importlib.util.find_spec("pybullet") is not None
MUG: dict[str, Any] = {"category": 4, "object": 1, "elevation": 30.0, "azimuth": 40.0}
ON_TABLE = (MUG | {"position": [0.0, 0.02], "yaw": 0.0}, MUG | {"position": [0.01, -0.02], "yaw": 1.5})

CASES = {
    "unknot/Grasp-v0": Case(
        settings=(
            {"objects": "test", "max_steps": 3, "terminate_on_success": True, "normalize_actions": True},
        ),
        possible=ON_TABLE,
        impossible=None,
        still=lambda env: np.zeros(6, dtype=np.float32),
        plain={"objects": "test"},
        exact={},
    ),
    "unknot/GraspReach-v0": Case(
        settings=({"objects": "test", "max_steps": 5, "reward": "dense", "normalize_actions": True},),
        possible=ON_TABLE,
        impossible=None,
        still=lambda env: np.zeros(7, dtype=np.float32),
        plain={"objects": "test"},
        exact={},
        history=("gripper", "actions"),
    ),
    "unknot/Planar-v0": Case(
        settings=(
            {"max_steps": 4},
            {"max_steps": 5, "noise": 1.0, "collision": "solid", "task": "anywhere", "map": "door"},
            {"max_steps": 9, "reward": "dense", "terminate_on_success": True, "normalize_actions": True},
            {"max_steps": 4, "appearance": "oblique", "map": "random", "map_seed": 3},
        ),
        possible=({"position": [4.0, 4.0]}, {"position": [30.25, 12.5]}),
        impossible={"position": [20.5, 5.5]},
        still=lambda env: np.zeros(2, dtype=np.float32),
        plain={},
        exact={"noise": 0.0},
    ),
    "unknot/Maze-v0": Case(
        settings=(
            {"max_steps": 4},
            {"max_steps": 5, "task": "switch", "switches": 2, "water": 0.1, "size": 7},
            {"max_steps": 4, "task": "switch", "switches": 1, "goal": "image", "reward": "dense"},
            {"max_steps": 9, "terminate_on_success": True, "size": 5, "layout": "open", "goal": "image"},
            {"max_steps": 4, "task": "none", "layout": ["..#.", "o~.o", "....", "#..."], "switch_states": 3},
        ),
        possible=({"agent": [1, 2]}, {"agent": [3, 1]}),
        impossible={"agent": [2, 3]},
        still=lambda env: env.unwrapped.actions.index("pass"),
        plain={"layout": "paper", "goal": "image"},
        exact={},
    ),
    "unknot/MnistGrid-v0": Case(
        settings=(
            {"max_steps": 4},
            {"max_steps": 5, "reward": "dense", "size": 4, "pixels": 30, "split": "test"},
            {"max_steps": 9, "terminate_on_success": True, "digits": "digits"},
            {"max_steps": 4, "task": "none"},
        ),
        possible=({"first": [0, 0], "second": [0, 2]}, {"first": [0, 3], "second": [3, 1]}),
        impossible=None,
        still=lambda env: 3,  # the first digit up, from the upper edge
        plain={},
        exact={},
    ),
}
IDS = sorted(CASES)
MODES = list(AutoresetMode)


def param(name: str, *values: Any) -> Any:
    missing = not GRASPING and name.startswith("unknot/Grasp")
    return pytest.param(name, *values, marks=pytest.mark.skipif(missing, reason="PyBullet is not installed"))


each_id = pytest.mark.parametrize("name", [param(name) for name in IDS])
each_setting = pytest.mark.parametrize(
    ("name", "settings"), [param(name, settings) for name in IDS for settings in CASES[name].settings]
)


def make(name: str, **settings: Any) -> Any:
    return gym.make(name, **settings).unwrapped


def make_plain(name: str, **settings: Any) -> Any:
    return make(name, **CASES[name].plain, **settings)


def images(tree: Any) -> list[Any]:
    """The images of an observation, or what else is there for each, the scene's own first."""
    if isinstance(tree, gym.spaces.Dict | Mapping):
        keys = ("image",) if "image" in list(tree) else ("observation", "desired_goal")
        return [tree[key] for key in keys]
    return [tree]


def same(a: Any, b: Any) -> bool:
    """Compare trees of arrays and numbers to the bit, types and shapes included."""
    if isinstance(a, Mapping):
        return isinstance(b, Mapping) and a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple | list):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        if a.dtype == object:
            return len(a) == len(b) and all(map(same, a, b))
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    return type(a) is type(b) and bool(a == b)


def rollout(env: Any, actions: Any) -> list[Any]:
    return [copy.deepcopy(env.step(action)) for action in actions]


def actions_for(env: Any, steps: int, seed: int = 0) -> list[Any]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def test_every_row_has_a_case() -> None:
    assert set(CASES) == set(ENVIRONMENTS)


@each_id
@pytest.mark.filterwarnings("ignore:.*we recommend using a symmetric and normalized space.*")
def test_gymnasium_checks_it(name: str) -> None:
    check_env(gym.make(name, render_mode="rgb_array", disable_env_checker=True).unwrapped)


@each_id
@pytest.mark.filterwarnings("ignore:.*We recommend you to use a symmetric and normalized Box action space.*")
def test_stable_baselines3_checks_it(name: str) -> None:
    checker = pytest.importorskip("stable_baselines3.common.env_checker")
    checker.check_env(make(name))


@each_id
def test_a_fresh_process_finds_it_by_the_module_s_name(name: str) -> None:
    line = f"import gymnasium as gym; gym.make('unknot:{name}').reset(seed=0)"
    subprocess.run([sys.executable, "-c", line], check=True)


@each_setting
def test_one_seed_gives_one_rollout(name: str, settings: dict[str, Any]) -> None:
    first, second = make(name, **settings), make(name, **settings)
    assert same(first.reset(seed=5), second.reset(seed=5))
    actions = actions_for(first, 4)
    assert same(rollout(first, actions), rollout(second, actions))
    assert same(first.reset(), second.reset())
    assert not same(first.reset(seed=6), second.reset(seed=7))


@each_setting
def test_a_scene_goes_on_where_it_was_taken(name: str, settings: dict[str, Any]) -> None:
    env, other = make(name, **settings), make(name, **settings)
    env.reset(seed=1)
    actions = actions_for(env, 4)
    last = rollout(env, actions[:2])[-1]
    scene = json.loads(json.dumps(env.scene()))
    observation, info = other.reset(options={"scene": scene})
    assert same((observation, info), (last[0], last[4]))
    assert same(rollout(env, actions[2:]), rollout(other, actions[2:]))
    assert same(env.reset(), other.reset())


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
def test_a_scene_that_lacks_something_is_refused(name: str, key: str) -> None:
    env = make(name)
    env.reset(seed=1)
    before = env.scene()
    with pytest.raises(ValueError, match=key):
        env.reset(options={"scene": {k: v for k, v in before.items() if k != key}})
    with pytest.raises(ValueError, match=key):
        env.reset(seed=3, options={"scene": before | {key: {"not": "one"}}})
    assert env.scene() == before


@each_id
def test_factors_are_placed_and_the_rest_is_kept(name: str) -> None:
    env = make_plain(name)
    env.reset(seed=1)
    env.step(env.action_space.sample())
    before = env.scene()
    env.set_factors({})
    assert env.scene() == before
    for scene in CASES[name].possible:
        env.set_factors(scene)
        after = env.scene()
        history = {key: after[key] for key in CASES[name].history}
        assert after == before | {"factors": before["factors"] | scene} | history


@each_id
def test_what_is_set_is_what_is_drawn(name: str) -> None:
    env = make_plain(name)
    env.reset(seed=1)
    for scene in CASES[name].possible:
        image = images(env.set_factors(scene))[0]
        assert same(image, env.render_factors({k: np.array([v]) for k, v in scene.items()})[0])
    assert same(env.render_factors({})[0], image)


@each_id
def test_sampled_factors_can_be_drawn(name: str) -> None:
    env = make_plain(name)
    factors = env.sample_factors(50, np.random.default_rng(0))
    assert all(env.factor_space.contains({k: v[i] for k, v in factors.items()}) for i in range(50))
    drawn = env.render_factors(factors)
    assert drawn.dtype == np.uint8
    assert drawn.shape == (50, *images(env.observation_space)[0].shape)
    scenes = {b"".join(v[i].tobytes() for v in factors.values()) for i in range(50)}
    assert len({image.tobytes() for image in drawn}) == len(scenes)


@each_id
def test_what_is_impossible_is_refused_and_named(name: str) -> None:
    env = make_plain(name)
    env.reset(seed=1)
    before = env.scene()
    impossible = CASES[name].impossible
    if impossible is not None:
        factor, value = next(iter(impossible.items()))
        reason = rf"{factor}=\[{value[0]}.* is impossible: "
        with pytest.raises(ValueError, match=reason):
            env.set_factors(impossible)
        for options in (
            {"factors": impossible},
            {"goal": impossible},
            {"scene": before | {"goal": before["goal"] | impossible}},
        ):
            with pytest.raises(ValueError, match=reason):
                env.reset(seed=2, options=options)
    for factor, space in env.factor_space.items():
        outside = np.full(space.shape, 99 if space.dtype.kind in "iu" else np.nan, dtype=space.dtype)
        with pytest.raises(ValueError, match="outside"):
            env.set_factors({factor: outside})
        with pytest.raises(ValueError, match=r"shape \(1, 1\)|shape \(1, 7\)"):
            env.set_factors({factor: np.ones(7, dtype=space.dtype)})
    with pytest.raises(ValueError, match="known"):
        env.set_factors({"colour": 1})
    assert env.scene() == before


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
def test_bad_actions_are_refused(name: str) -> None:
    env = make(name)
    env.reset(seed=1)
    before = env.scene()
    bad, shapeless = bad_actions(env.action_space)
    for action, reason in bad:
        with pytest.raises(ValueError, match=reason):
            env.step(action)
    for action in (*shapeless, "up", None):
        with pytest.raises(ValueError, match="shape"):
            env.step(action)
    assert env.scene() == before


def bad_actions(space: Any) -> tuple[list[tuple[Any, str]], list[Any]]:
    """Actions of the right shape that are refused, with the reason, and actions of another shape or kind."""
    if isinstance(space, gym.spaces.Discrete):
        return [(int(space.n), "outside"), (-1, "outside")], [[0], 0.0, np.float32(1)]
    good = space.sample()
    bad = [(np.full_like(good, value), "not finite") for value in (np.nan, np.inf)]
    return bad, [good[:-1], good[None], 0]


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
def test_names_that_nothing_has_are_refused(name: str) -> None:
    entry: Any = gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))
    with pytest.raises(ValueError, match="unknown render_mode 'rgb'; did you mean 'rgb_array'"):
        entry(render_mode="rgb")
    with pytest.raises(TypeError, match="wings"):
        make(name, wings=2)


@each_setting
def test_specs_and_environments_are_pickled_and_copied(name: str, settings: dict[str, Any]) -> None:
    env = gym.make(name, **settings)
    env.reset(seed=4)
    twin: Any = gym.make(pickle.loads(pickle.dumps(env.spec)))
    assert same(env.reset(seed=4), twin.reset(seed=4))
    copies = copy.deepcopy(env), pickle.loads(pickle.dumps(env))
    actions = actions_for(env, 4)
    expected = rollout(env, actions)
    assert all(same(expected, rollout(other, actions)) for other in copies)


@each_id
def test_frames_for_people_show_scene_and_goal(name: str) -> None:
    env = make_plain(name, render_mode="rgb_array")
    first, second = CASES[name].possible
    goals = [first, second] if env.goal_space.spaces else [{}]
    frames = []
    for options in ({"factors": a, "goal": b} for a in (first, second) for b in goals):
        env.reset(seed=1, options=options)
        frames.append(env.render())
    assert all(frame.dtype == np.uint8 and frame.ndim == 3 and frame.shape[2] == 3 for frame in frames)
    assert min(frames[0].shape[:2]) >= 200
    assert len({frame.tobytes() for frame in frames}) == len(frames)


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


@pytest.mark.parametrize("name", [param(name) for name in IDS if name != "unknot/Grasp-v0"])
def test_keys_give_actions(name: str) -> None:
    env = make(name)
    keys = env.get_keys_to_action()
    assert all(env.action_space.contains(action) for action in keys.values())
    assert all(pressed and all(type(key) is int for key in pressed) for pressed in keys)


# The vector environment is the single ones.


def pair(name: str, mode: AutoresetMode, settings: dict[str, Any], n: int = 3) -> tuple[Any, SyncVectorEnv]:
    native: Any = gym.make_vec(name, num_envs=n, autoreset_mode=mode, **settings)
    sync = SyncVectorEnv([lambda: make(name, **settings)] * n, autoreset_mode=mode)
    assert native.unwrapped.__class__.__name__ == ENVIRONMENTS[name].vector_env
    return native, sync


@pytest.mark.parametrize("mode", MODES)
@each_setting
def test_vector_equals_single(name: str, settings: dict[str, Any], mode: AutoresetMode) -> None:
    native, sync = pair(name, mode, settings)
    assert native.metadata["autoreset_mode"] is mode
    assert native.observation_space == sync.observation_space
    assert native.action_space == sync.action_space
    assert same(native.reset(seed=11), sync.reset(seed=11))
    for step, action in enumerate(actions_for(native, 24)):
        if step in (2, 15):  # from now on the copies' episodes end at different times
            mask = np.array([step == 15, True, False])
            assert same(reset(native, mask), reset(sync, mask))
        ours = native.step(action)
        assert same(ours, sync.step(action))
        if mode is AutoresetMode.DISABLED and (ended := ours[2] | ours[3]).any():
            assert same(reset(native, ended), reset(sync, ended))
    assert same(native.reset(seed=[4, None, 2]), sync.reset(seed=[4, None, 2]))


def reset(env: Any, mask: Any) -> Any:
    return env.reset(options={"reset_mask": mask.copy()})


@each_setting
def test_vector_ends_by_success_as_single(name: str, settings: dict[str, Any]) -> None:
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
        assert [float(r) for r in rewards] == [s[1] for s in stepped]
        assert terminated.tolist() == [s[2] for s in stepped]
        if terminated.any():
            break
    assert infos["final_info"]["is_success"].tolist() == terminated.tolist() == [False, True, False]


def whole(space: Any, scene: dict[str, Any]) -> dict[str, Any]:
    """All factors that a goal has, those that a scene doesn't name at 0."""
    return {name: scene.get(name, np.zeros(part.shape, part.dtype)) for name, part in space.items()}


def stacked(scenes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.array([scene[name] for scene in scenes]) for name in scenes[0]}


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
            assert same(images(observation), [image[i] for image in images(observations)])
            assert same(info["factors"], at(unmasked(infos["factors"]), i))
            assert same(info["goal"], at(unmasked(infos["goal"]), i))
    set_alone = [env.set_factors(scene) for env, scene in zip(singles, scenes, strict=True)]
    set_together = native.unwrapped.set_factors(stacked(scenes))
    assert same(images(set_together)[0][1], images(set_alone[1])[0])
    assert native.unwrapped.scene() == [env.scene() for env in singles]


def at(tree: Mapping[str, Any], i: int) -> dict[str, Any]:
    """One row of a batch; numbers come out as Python's own."""
    return {key: value[i] if value.ndim > 1 else value[i].item() for key, value in tree.items()}


def unmasked(tree: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in tree.items() if not key.startswith("_")}


@each_setting
def test_vector_goes_on_from_scenes(name: str, settings: dict[str, Any]) -> None:
    native, other = (gym.make_vec(name, num_envs=3, **settings) for _ in range(2))
    native.reset(seed=5)
    actions = actions_for(native, 12)
    rollout(native, actions[:2])
    scenes = json.loads(json.dumps(native.unwrapped.scene()))  # type: ignore[attr-defined]
    other.reset(options={"scene": scenes})
    assert same(rollout(native, actions[2:]), rollout(other, actions[2:]))
    with pytest.raises(ValueError, match="list of 3 scenes"):
        other.reset(options={"scene": scenes[0]})


@each_id
def test_vector_gives_fresh_arrays(name: str) -> None:
    native = gym.make_vec(name, num_envs=3)
    first = native.reset(seed=5)
    kept = copy.deepcopy(first)
    actions = actions_for(native, 2)
    second = native.step(actions[0])
    kept_second = copy.deepcopy(second)
    for image in images(first[0]):
        image[:] = 7
    native.step(actions[1])
    assert same(second, kept_second)
    again = gym.make_vec(name, num_envs=3)
    assert same(again.reset(seed=5), kept)


@each_id
def test_vector_refuses_what_is_wrong(name: str) -> None:
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
        ({"factors": {factor: np.array(value)}}, "expected"),
        ({"goal": {factor: np.array([value] * 2)}}, "expected|there is none"),
        ({"reset_mask": np.array([True])}, r"shape \(3,\)"),
        ({"reset_mask": np.zeros(3, dtype=bool)}, "true somewhere"),
        ({"mask": np.ones(3, dtype=bool)}, "unknown"),
    ):
        with pytest.raises(ValueError, match=message):
            native.reset(seed=2, options=options)
    with pytest.raises(TypeError, match="bool"):
        native.reset(seed=2, options={"reset_mask": [True, True, True]})
    with pytest.raises(ValueError, match="2 entries"):
        native.reset(seed=[1, 2])
    actions = native.action_space.sample()
    actions[1], reason = bad_actions(native.single_action_space)[0][0]
    with pytest.raises(ValueError, match=f"sub-environment 1 is {reason}"):
        native.step(actions)
    assert native.unwrapped.scene() == before
    native.step(native.action_space.sample())
    with pytest.raises(ResetNeeded, match=r"\[0, 1, 2\]"):
        native.step(native.action_space.sample())
    with pytest.raises(ValueError, match="at least 1"):
        gym.make_vec(name, num_envs=0)


@each_id
def test_vector_renders_what_single_does(name: str) -> None:
    native = gym.make_vec(name, num_envs=2, render_mode="rgb_array")
    native.reset(seed=8)
    env = make(name, render_mode="rgb_array")
    env.reset(seed=9)
    frames = native.render()
    assert frames is not None
    assert same(frames[1], env.render())


@each_id
def test_vector_generators_are_the_single_ones(name: str) -> None:
    native: Any = gym.make_vec(name, num_envs=2).unwrapped
    native.reset(seed=8)
    env = make(name)
    env.reset(seed=9)
    assert native.np_random_seed == (8, 9)
    assert native.np_random[1].bit_generator.state == env.np_random.bit_generator.state
