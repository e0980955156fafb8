"""Random calls of the environments: constructors, resets, steps, scenes, rewards, wrappers."""

import copy
import importlib.util
from collections.abc import Callable, Iterable
from functools import cache, partial
from typing import Any

import gymnasium as gym
import numpy as np
from gymnasium.vector import AutoresetMode

import unknot  # noqa: F401  registers the environments
from torture.fuzz.target import NONSENSE, Target, pick
from unknot.envs import (
    ENVIRONMENTS,
    Appearance,
    FactorObservation,
    FactorVectorObservation,
    GoalConditioned,
    GoalConditionedVector,
    PlanarMap,
    PlanarWorld,
    find_map,
    read_layout,
)

COPIES = 3
"""Of a vector environment."""
SLOW = 40
"""Calls of a target that simulates physics."""
EPISODES = {"max_steps": (1, 3, 40, np.int64(5)), "terminate_on_success": (True, False, np.True_)}
LAYOUT = ["..~.", "o#..", ".#o.", "...."]
GOOD: dict[str, dict[str, tuple[Any, ...]]] = {
    "unknot/Planar-v0": {
        "appearance": ("square", "cross", "disc", "oblique", Appearance(((-1.0, -1.0, 0.0, 1.0),))),
        "collision": ("published", "solid"),
        "task": ("corners", "anywhere"),
        "map": ("paper", "gates", "door", "random", PlanarMap(((20.0, 20.0, 2.0),), size=32)),
        "noise": (0.0, 0.5, 3),
        "reward": ("sparse", "dense"),
        "normalize_actions": (True, False),
        "map_seed": (0, 1, np.int64(2)),
        "half_agent": (0.5, 1.5, 2),
        "obstacle_brightness": (0, 128, 255),
        "subpixel": (True, False),
    },
    "unknot/Maze-v0": {
        "size": (4, 8, 16),
        "layout": ("random", "random", "open", "paper", LAYOUT),
        "blocks": (0, 0.2, 0.5),
        "water": (0, 0.1),
        "switches": (0, 1, 3),
        "switch_states": (2, 7),
        "actions": (("down", "left", "right", "up", "toggle"), ["pass"]),
        "task": ("reach", "switch", "none"),
        "goal": ("drawn", "image"),
        "reward": ("sparse", "dense"),
    },
    "unknot/MnistGrid-v0": {
        "size": (2, 5),
        "task": ("reach", "none"),
        "split": ("train", "test"),
        "digits": ("auto", "digits"),
        "pixels": (30, 64),
        "reward": ("sparse", "dense"),
    },
    "unknot/Grasp-v0": {"objects": ("test", "pybullet"), "normalize_actions": (True, False)},
    "unknot/GraspReach-v0": {
        "objects": ("test", "pybullet"),
        "normalize_actions": (True, False),
        "reward": ("sparse", "dense"),
    },
}
"""Good values by environment and argument."""
STATES: dict[str, tuple[dict[str, Any], ...]] = {
    "unknot/Planar-v0": ({"noise": 0.5}, {"map": "door", "collision": "solid", "task": "anywhere"}),
    "unknot/Maze-v0": ({"task": "switch", "switches": 2, "goal": "image"}, {"layout": LAYOUT}),
    "unknot/MnistGrid-v0": ({}, {"size": 2, "task": "none"}),
    "unknot/Grasp-v0": ({"objects": "test", "max_steps": 3},),
    "unknot/GraspReach-v0": ({"objects": "test"},),
}
"""Settings of the environments that are reset and stepped."""


def targets() -> Iterable[Target]:
    """Return the entry points."""
    physics = importlib.util.find_spec("pybullet") is not None
    yield Target("parts of worlds", make_part)
    yield Target("wrappers of environments", wrap)
    yield Target("GoalConditioned.compute_reward", compute_reward)
    for name in ENVIRONMENTS:
        if "Grasp" in name and not physics:
            continue
        calls = {"calls": SLOW} if "Grasp" in name else {}
        yield Target(f"gym.make({name!r})", partial(make_single, name), **calls)
        yield Target(f"gym.make_vec({name!r})", partial(make_vector, name), **calls)
        for vector in (False, True):
            kind = f"{name}, {COPIES} copies" if vector else name
            for entry in (reset, step, set_factors, read):
                yield Target(f"{entry.__name__} of {kind}", partial(entry, name, vector), **calls)


# Constructors


def make_single(name: str, rng: np.random.Generator) -> None:
    """Make an environment, by its name or by its class, and take a step."""
    settings = _settings(name, rng)
    if rng.random() < 0.5:
        env = gym.make(name, disable_env_checker=True, **settings)
    else:
        maker: Any = gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))
        env = maker(render_mode=pick(rng, None, "rgb_array", nonsense=0.1), **settings)
    _try_out(env)


def make_vector(name: str, rng: np.random.Generator) -> None:
    """Make a vector environment, by its name or its simulation by the class, and take a step."""
    settings, copies = _settings(name, rng), pick(rng, 1, 2, np.int64(3), nonsense=0.1)
    if rng.random() < 0.5:
        mode = pick(rng, "NextStep", AutoresetMode.SAME_STEP, "Disabled", nonsense=0.1)
        _try_out(gym.make_vec(name, num_envs=copies, autoreset_mode=mode, **settings))
    else:
        maker: Any = gym.envs.registration.load_env_creator(str(gym.spec(name).entry_point))
        simulation = maker.simulation_class(copies, **settings)
        assert simulation.num_envs == copies
        getattr(simulation, "close", int)()


def make_part(rng: np.random.Generator) -> None:
    """Make what worlds are made of."""
    kind = rng.integers(5)
    if kind == 0:
        discs = pick(rng, (), [(5, 5, 2)], np.full((2, 3), 9.0))
        PlanarMap(discs, pick(rng, (), [(0, 0, 3, 4)]), pick(rng, 24, 40))
    elif kind == 1:
        Appearance(pick(rng, ((-1.0, -1.0, 1.0, 1.0),)), pick(rng, True, False))
    elif kind == 2:
        find_map(pick(rng, "paper", "random"), pick(rng, 0, 3))
    elif kind == 3:
        read_layout(pick(rng, LAYOUT, tuple(LAYOUT), ["...."] * 3))
    else:
        good = GOOD["unknot/Planar-v0"]
        names = ("collision", "noise", "half_agent", "obstacle_brightness", "subpixel")
        world = PlanarWorld(**{name: pick(rng, *good[name], nonsense=0.1) for name in names})
        points = world.sample_free(pick(rng, 0, 1, 5, nonsense=0.2), pick(rng, np.random.default_rng(0)))
        assert world.is_free(points).all()


def wrap(rng: np.random.Generator) -> None:
    """Wrap an environment."""
    wrapper: Any = (FactorObservation, FactorVectorObservation, GoalConditioned, GoalConditionedVector)[
        rng.integers(4)
    ]
    settings = STATES["unknot/Maze-v0"][rng.integers(2)]
    good = (
        gym.make("unknot/Planar-v0"),
        gym.make("unknot/Maze-v0", **settings),
        gym.make_vec("unknot/Maze-v0", num_envs=2, **settings),
        gym.make_vec("unknot/MnistGrid-v0", num_envs=2, task="none"),
    )
    arguments = {"observe": pick(rng, "pixels", "factors")} if "Goal" in wrapper.__name__ else {}
    _try_out(wrapper(pick(rng, *good, nonsense=0.2), **arguments))


def _settings(name: str, rng: np.random.Generator) -> dict[str, Any]:
    """Some arguments of an environment, most of them good."""
    good = {**GOOD[name], **EPISODES}
    settings = {key: pick(rng, *values, nonsense=0.1) for key, values in good.items() if rng.random() < 0.5}
    if "Grasp" in name:
        settings.setdefault("objects", "test")  # the others take long to make
    return settings


def _try_out(env: Any) -> None:
    """Check that what was accepted works."""
    try:
        observation, _ = env.reset(seed=0)
        assert env.observation_space.contains(observation)
        env.step(env.action_space.sample())
    except RuntimeError as error:
        if "free" not in str(error):  # the settings leave no room, which only sampling can tell
            raise
    env.close()


# Environments in use


@cache
def subject(name: str, vector: bool, index: int) -> Any:
    """Return an environment that has begun."""
    settings = STATES[name][index]
    made = gym.make_vec(name, num_envs=COPIES, **settings) if vector else gym.make(name, **settings)
    env: Any = made.unwrapped
    env.reset(seed=0)
    return env


def reset(name: str, vector: bool, rng: np.random.Generator) -> None:
    """Reset with options."""
    env, options = _subject(name, vector, rng), {}
    kind = rng.integers(4)
    if kind == 0:
        options["scene"] = _scenes(env, rng) if vector else _damaged(env.scene(), rng)
    elif kind == 1:
        options = {
            key: _factors(space, vector, rng)
            for key, space in (("factors", env.factor_space), ("goal", env.goal_space))
            if rng.random() < 0.7
        }
    elif kind == 2:
        options = pick(rng, {}, {"factors": {}}, nonsense=0.9)
    if vector and kind < 2 and rng.random() < 0.3:
        options["reset_mask"] = pick(rng, np.array([True, False, True]))
    seeds = ([1, None, 3],) if vector else ()
    _attempt(env, lambda: env.reset(seed=pick(rng, None, 0, 7, *seeds, nonsense=0.2), options=options))


def step(name: str, vector: bool, rng: np.random.Generator) -> None:
    """Act."""
    env = _subject(name, vector, rng)
    action = env.action_space.sample()
    if rng.random() < 0.3:  # as lists, in other types, or far outside
        action = pick(rng, np.asarray(action).tolist(), np.asarray(action) * 1e6, np.float64(1e300) * action)
    _attempt(env, lambda: env.step(pick(rng, action)))


def set_factors(name: str, vector: bool, rng: np.random.Generator) -> None:
    """Set factors."""
    env = _subject(name, vector, rng)
    _attempt(env, lambda: env.set_factors(pick(rng, _factors(env.factor_space, vector, rng), nonsense=0.2)))


def read(name: str, vector: bool, rng: np.random.Generator) -> None:
    """Call what changes nothing: sampling, rendering, rewards."""
    env = _subject(name, vector, rng)
    n = pick(rng, 0, 1, 4, nonsense=0.2)
    before = _state(env)
    try:
        kind = rng.integers(3)
        if kind == 0:
            generator = pick(rng, np.random.default_rng(0), nonsense=0.2)
            sampled = env.sample_factors(n, generator)
            assert all(len(values) == n for values in sampled.values())
        elif kind == 1:
            images = env.render_factors(_factors(env.factor_space, True, rng))
            assert images.dtype == np.uint8
        else:
            ends, goals = (_factors(env.goal_space, True, rng, share=1.0) for _ in range(2))
            rewards = env.goal_rewards(pick(rng, ends, nonsense=0.1), pick(rng, goals, nonsense=0.1))
            assert rewards.shape == (COPIES,)
    finally:
        assert _state(env) == before, "reading changed the state"


def compute_reward(rng: np.random.Generator) -> None:
    """Reward achieved goals for desired goals."""
    env = _goal_conditioned(int(rng.integers(3)))
    space = env.observation_space["desired_goal"]
    pair = []
    for _ in range(2):
        goals = np.stack([space.sample() for _ in range(4)])
        goals = np.floor(goals) if "Planar" not in str(env) else goals
        pair.append(pick(rng, goals, goals[0], goals[0].tolist(), goals + 100, goals[:, :1], nonsense=0.2))
    rewards = env.compute_reward(*pair, {})
    ends, goals = map(np.atleast_2d, pair)
    ends, goals = np.broadcast_arrays(ends, goals)
    alone = [env.compute_reward(end, goal, {}) for end, goal in zip(ends, goals, strict=True)]
    assert np.atleast_1d(rewards).tolist() == alone


@cache
def _goal_conditioned(index: int) -> Any:
    layout: dict[str, Any] = {"layout": LAYOUT, "goal": "image", "reward": "dense"}
    name = ("unknot/Planar-v0", "unknot/Maze-v0", "unknot/MnistGrid-v0")[index]
    settings = layout if "Maze" in name else {}
    return GoalConditioned(gym.make(name, **settings))


def _subject(name: str, vector: bool, rng: np.random.Generator) -> Any:
    return subject(name, vector, int(rng.integers(len(STATES[name]))))


def _state(env: Any) -> Any:
    return copy.deepcopy(env.scene()), env.np_random_seed


def _attempt(env: Any, call: Callable[[], Any]) -> None:
    """Call; a refused call must have changed nothing, an accepted one must leave factors in their spaces."""
    before = _state(env)
    try:
        call()
    except Exception as error:
        if _state(env) != before:
            raise AssertionError(f"refused ({error}), and the state changed") from error
        if isinstance(error, RuntimeError) and "free" in str(error):
            return  # no room for what must be sampled
        raise
    info = env.simulation.info(np.arange(env.simulation.num_envs))
    for key, space in (("factors", env.factor_space), ("goal", env.goal_space)):
        for row in range(env.simulation.num_envs):
            assert space.contains({name: np.asarray(array[row]) for name, array in info[key].items()}), key


def _factors(space: gym.spaces.Dict, batched: bool, rng: np.random.Generator, share: float = 0.6) -> Any:
    """Some factors, now and then nonsense or of another name."""
    factors: dict[Any, Any] = {}
    for name, part in space.items():
        if rng.random() < share:
            value = np.stack([part.sample() for _ in range(COPIES)]) if batched else part.sample()
            factors[name] = pick(rng, value, np.asarray(value).tolist(), nonsense=0.15)
    if rng.random() < 0.05:
        factors[pick(rng, "colour", 3, None, nonsense=0.0)] = 1
    return factors


def _scenes(env: Any, rng: np.random.Generator) -> Any:
    scenes = env.scene()
    row = rng.integers(len(scenes))
    scenes[row] = _damaged(scenes[row], rng)
    return pick(rng, scenes, scenes, tuple(scenes), scenes[:1], nonsense=0.1)


def _damaged(scene: Any, rng: np.random.Generator) -> Any:
    """Replace an entry of a scene, at any depth, by nonsense, or leave the scene as it is."""
    if rng.random() < 0.2:
        return scene
    scene = copy.deepcopy(scene)
    inner: Any = scene
    while True:
        keys = list(inner) if isinstance(inner, dict) else range(len(inner))
        key: Any = keys[rng.integers(len(keys))]
        deeper = isinstance(inner[key], dict | list) and len(inner[key]) > 0
        if not deeper or rng.random() < 0.5:
            inner[key] = NONSENSE[rng.integers(len(NONSENSE))]
            return scene
        inner = inner[key]
