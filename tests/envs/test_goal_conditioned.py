"""Observations of true factors, and goals for hindsight experience replay."""

import pickle
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.utils.env_checker import check_env
from gymnasium.vector import AutoresetMode, SyncVectorEnv

import unknot  # noqa: F401  registers the environments
from unknot.envs import FactorObservation, FactorVectorObservation, GoalConditioned, GoalConditionedVector

WITH_GOALS: list[tuple[str, dict[str, Any]]] = [
    ("unknot/Planar-v0", {"task": "anywhere"}),
    ("unknot/Planar-v0", {"reward": "dense", "noise": 1.0, "normalize_actions": True}),
    ("unknot/Maze-v0", {"goal": "image", "size": 4}),
    ("unknot/Maze-v0", {"goal": "image", "layout": ["..#.", "~~.o", "....", "#..~"], "reward": "dense"}),
    ("unknot/Maze-v0", {"goal": "image", "size": 4, "task": "switch", "switches": 1, "blocks": 0.0}),
    ("unknot/MnistGrid-v0", {"size": 2, "digits": "digits"}),
    ("unknot/MnistGrid-v0", {"size": 3, "digits": "digits", "reward": "dense"}),
]
each_with_goal = pytest.mark.parametrize(("name", "settings"), WITH_GOALS)
WRAPPERS: list[tuple[Any, Any, dict[str, Any]]] = [
    (FactorObservation, FactorVectorObservation, {}),
    (GoalConditioned, GoalConditionedVector, {}),
    (GoalConditioned, GoalConditionedVector, {"observe": "factors"}),
]


def same(a: Any, b: Any) -> bool:
    """Compare observations, final ones among them, types included."""
    if isinstance(a, dict):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if a is None or b is None:
        return a is b
    if a.dtype == object:
        return len(a) == len(b) and all(map(same, a, b))
    return bool(a.dtype == b.dtype and np.array_equal(a, b))


def test_factors_are_the_scene_s_and_then_the_goal_s() -> None:
    env = FactorObservation(gym.make("unknot/Planar-v0"))
    options = {"factors": {"position": [4.0, 9.5]}, "goal": {"position": [36.0, 30.25]}}
    observation, _ = env.reset(seed=0, options=options)
    assert observation.dtype == np.float32
    np.testing.assert_allclose(observation, (np.array([4.0, 9.5, 36.0, 30.25]) - 20) / 18.5, atol=1e-6)
    observation, *_ = env.step(np.array([2.0, -1.0], np.float32))
    np.testing.assert_allclose(observation, (np.array([6.0, 8.5, 36.0, 30.25]) - 20) / 18.5, atol=1e-6)


def test_a_class_is_its_number_and_a_task_may_have_no_goal() -> None:
    env = FactorObservation(gym.make("unknot/MnistGrid-v0", task="none", digits="digits"))
    factors = {"first": [1, 2], "first_class": 3, "second": [0, 4], "second_class": 2}
    observation, _ = env.reset(seed=0, options={"factors": factors})
    assert observation.tolist() == [-0.5, 0, 0.5, -1, 1, 0]  # of rows, columns and classes from 0 to 4
    assert env.observation_space == gym.spaces.Box(-1, 1, (6,), np.float32)


def test_a_factor_without_bounds_is_refused() -> None:
    class Endless(gym.Env[Any, Any]):
        factor_space = gym.spaces.Dict({"place": gym.spaces.Box(-np.inf, 3, (1,))})
        goal_space = gym.spaces.Dict({})
        observation_space = gym.spaces.Box(0, 255, (8, 8, 1), np.uint8)

    with pytest.raises(ValueError, match=r"'factors place': Box\(-inf, 3.0.* must be bounded"):
        FactorObservation(Endless())


@each_with_goal
@pytest.mark.parametrize("mode", AutoresetMode)
@pytest.mark.parametrize(("single", "vector", "arguments"), WRAPPERS)
def test_vector_wrappers_observe_what_single_ones_do(
    name: str,
    settings: dict[str, Any],
    mode: AutoresetMode,
    single: Any,
    vector: Any,
    arguments: dict[str, Any],
) -> None:
    settings = settings | {"max_steps": 3}
    native = vector(gym.make_vec(name, num_envs=3, autoreset_mode=mode, **settings), **arguments)
    sync = SyncVectorEnv(
        [lambda: single(gym.make(name, disable_env_checker=True, **settings), **arguments)] * 3,
        autoreset_mode=mode,
    )
    assert native.observation_space == sync.observation_space
    assert same(native.reset(seed=3)[0], sync.reset(seed=3)[0])
    native.action_space.seed(0)
    for step in range(7):
        action = native.action_space.sample()
        ours, theirs = native.step(action), sync.step(action)
        assert same(ours[0], theirs[0])
        if mode is AutoresetMode.SAME_STEP and step == 2:
            assert same(ours[4]["final_obs"], theirs[4]["final_obs"])
        mask = ours[2] | ours[3]
        if mode is AutoresetMode.DISABLED and (step == 0 or mask.any()):
            mask = mask if mask.any() else np.array([False, True, False])
            options = {"reset_mask": mask}
            assert same(native.reset(options=options)[0], sync.reset(options=dict(options))[0])


@each_with_goal
@pytest.mark.filterwarnings(
    "ignore:.*symmetric and normalized space.*", "ignore:.*different from the unwrapped.*"
)
def test_gymnasium_checks_them(name: str, settings: dict[str, Any]) -> None:
    for wrapped in (FactorObservation, GoalConditioned):
        env = wrapped(gym.make(name, disable_env_checker=True, **settings))
        check_env(env, skip_render_check=True)
        again = gym.make(pickle.loads(pickle.dumps(env.spec)), disable_env_checker=True)
        assert same(again.reset(seed=1)[0], env.reset(seed=1)[0])


@each_with_goal
def test_rewards_are_those_of_the_environment(name: str, settings: dict[str, Any]) -> None:
    env = GoalConditionedVector(gym.make_vec(name, num_envs=64, **settings))
    env.reset(seed=0)
    env.action_space.seed(0)
    rewards = []
    for _ in range(30):
        observation, reward, *_ = env.step(env.action_space.sample())
        achieved, desired = observation["achieved_goal"], observation["desired_goal"]
        assert np.array_equal(env.compute_reward(achieved, desired, {}), reward)
        rewards.append(reward)
    assert len(np.unique(rewards)) >= 2
    one = GoalConditioned(gym.make(name, **settings)).compute_reward(achieved[5], desired[5], {})
    assert type(one) is float
    assert one == reward[5]


@each_with_goal
def test_the_achieved_goal_is_a_goal_that_is_met(name: str, settings: dict[str, Any]) -> None:
    """A step whose goal is replaced by its end has the reward of arriving."""
    env = GoalConditioned(gym.make(name, **settings))
    env.reset(seed=0)
    observation, *_, info = env.step(env.action_space.sample())
    achieved = observation["achieved_goal"]
    arriving = 0.0 if settings.get("reward") == "dense" else 1.0
    assert env.compute_reward(achieved, achieved, info) in (arriving, arriving - 0.2)  # it may be in water


def test_rewards_by_hand() -> None:
    planar = GoalConditioned(gym.make("unknot/Planar-v0"))
    places = np.array([[10.0, 10.0], [12.0, 10.0], [12.0, 10.5]])
    assert planar.compute_reward(places, places[[0, 0, 0]], {}).tolist() == [1, 1, 0]
    layout = ["....", "###.", "~...", "...."]
    maze = GoalConditioned(gym.make("unknot/Maze-v0", layout=layout, reward="dense", goal="image"))
    assert maze.compute_reward(np.array([2.0, 0.0]), np.array([0.0, 0.0]), {}) == -8.2  # around, from water
    digits = GoalConditioned(gym.make("unknot/MnistGrid-v0", digits="digits", reward="dense"))
    assert digits.compute_reward(np.array([0, 0, 4, 4.0]), np.array([1, 0, 2, 3.0]), {}) == -4


@each_with_goal
def test_one_goal_is_compared_with_many(name: str, settings: dict[str, Any]) -> None:
    env = GoalConditioned(gym.make(name, **settings))
    space = env.observation_space["desired_goal"]  # type: ignore[index]
    space.seed(0)
    many = np.stack([space.sample() for _ in range(5)])
    many = many if "Planar" in name else np.floor(many)
    one = many[2]
    assert env.compute_reward(one, many, {}).tolist() == [env.compute_reward(one, goal, {}) for goal in many]
    assert env.compute_reward(many, one, {}).tolist() == [env.compute_reward(end, one, {}) for end in many]
    assert env.compute_reward(many[:1], many, {}).shape == (5,)


def test_goals_that_are_none_are_refused() -> None:
    env = GoalConditioned(gym.make("unknot/Maze-v0", goal="image"))
    good = np.array([[0.0, 1.0], [2.0, 3.0]])
    for bad, message in (
        (None, "achieved_goal must be "),
        ("ab", "achieved_goal must be "),
        ([[1], [1, 2]], "achieved_goal must be "),
        (good[:, :1], r"achieved_goal must be numbers of shape \(n, 2\)"),
        (good + 0.5, "achieved_goal must be in .* cells whole"),
        (good - 9, "achieved_goal must be in "),
        (good * np.nan, "achieved_goal must be in "),
        (good[[0, 1, 0]], r"desired_goal must have shape \(3, 2\), not \(2, 2\)"),
    ):
        with pytest.raises(ValueError, match=message):
            env.compute_reward(bad, good, {})  # type: ignore[arg-type]


def test_goals_that_float32_has_rounded_are_taken() -> None:
    env = GoalConditioned(gym.make("unknot/Planar-v0", half_agent=1.3))
    edge = np.full(2, 1.3, np.float32)
    assert float(edge[0]) < 1.3 or float(edge[0]) > 1.3
    corner = np.full(2, 38.7)
    assert env.compute_reward(edge, edge, {}) == 1.0
    assert env.compute_reward(corner.astype(np.float32), corner, {}) == 1.0


def test_goal_rewards_need_all_factors_of_as_many_goals() -> None:
    env: Any = gym.make("unknot/MnistGrid-v0", digits="digits").unwrapped
    good = {"first": np.zeros((3, 2), int), "second": np.zeros((3, 2), int)}
    assert env.goal_rewards(good, good).tolist() == [1, 1, 1]
    for bad in (None, 3, {}, {"first": good["first"]}, good | {"third": 1}):
        with pytest.raises(ValueError, match="desired must be a dict with exactly"):
            env.goal_rewards(good, bad)
    with pytest.raises(ValueError, match=r"desired\['first'\] must have shape \(3, 2\), not \(2, 2\)"):
        env.goal_rewards(good, {name: cells[:2] for name, cells in good.items()})
    with pytest.raises(ValueError, match=r"achieved\['first'\] must be in"):
        env.goal_rewards({name: cells + 5 for name, cells in good.items()}, good)


@pytest.mark.parametrize("env", [None, 3, "unknot/Planar-v0", gym.Env, gym.make("CartPole-v1")], ids=str)
@pytest.mark.parametrize(
    "wrapper", [FactorObservation, FactorVectorObservation, GoalConditioned, GoalConditionedVector]
)
def test_what_is_no_environment_with_factors_is_not_wrapped(wrapper: Any, env: Any) -> None:
    with pytest.raises(
        ValueError, match=r"env must be a Gymnasium (Vector)?Env with factor_space and goal_space"
    ):
        wrapper(env)


def test_environments_without_a_goal_conditioned_form_are_refused() -> None:
    for settings, sentence in (
        ({"task": "none"}, "env has no goal"),
        ({}, "observe='factors'"),
        ({"goal": "image", "reward": "dense"}, "reward='dense' .* depends on the random layout"),
        ({"goal": "image", "water": 0.1}, "water=6 cells depends on the random layout"),
    ):
        with pytest.raises(ValueError, match=sentence):
            GoalConditioned(gym.make("unknot/Maze-v0", **settings))
        with pytest.raises(ValueError, match=sentence):
            GoalConditionedVector(gym.make_vec("unknot/Maze-v0", num_envs=2, **settings))
    with pytest.raises(ValueError, match="did you mean 'pixels'"):
        GoalConditioned(gym.make("unknot/Planar-v0"), observe="pixel")
    env: Any = gym.make("unknot/Maze-v0", task="none").unwrapped
    with pytest.raises(ValueError, match="no goal"):
        env.goal_rewards({}, {})
