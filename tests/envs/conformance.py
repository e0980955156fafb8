"""Shared by the conformance tests: a case for each environment, and helpers.

To test an environment of your own, add its case to `CASES`. The tests check the contract in the docstring of
`unknot.envs.Simulation`.
"""

import copy
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from typing import Any, NamedTuple

import gymnasium as gym
import numpy as np
import pytest

import tests.envs.smallest_environment  # noqa: F401  registers mine/Token-v0
import unknot  # noqa: F401  registers the environments


class Case(NamedTuple):
    """An environment's settings and scenes for the tests."""

    settings: tuple[dict[str, Any], ...]
    """Settings under which the tests run; episodes are short."""
    possible: tuple[dict[str, Any], dict[str, Any]]
    """Two different scenes that an episode can begin with, of factors that goals have, too."""
    impossible: dict[str, Any] | None
    """An impossible scene in the factor space, of one factor; None where every scene is possible."""
    still: Callable[[Any], Any]
    """A function from an environment to the action that changes nothing."""
    plain: dict[str, Any] = {}  # noqa: RUF012
    """Settings under which either possible scene can follow the other, and images show no goal."""
    exact: dict[str, Any] = {}  # noqa: RUF012
    """Settings under which nothing happens at random."""
    history: tuple[str, ...] = ()
    """A scene's entries about the past, reset when factors are set."""
    module: str = "unknot"
    """The module that registers the environment."""
    has_keys: bool = True
    """Whether the single environment has `get_keys_to_action`."""


GRASPING = importlib.util.find_spec("pybullet") is not None
MUG: dict[str, Any] = {"category": 4, "object": 1, "elevation": 30.0, "azimuth": 40.0}
ON_TABLE = (MUG | {"position": [0.0, 0.02], "yaw": 0.0}, MUG | {"position": [0.01, -0.02], "yaw": 1.5})

CASES = {
    "mine/Token-v0": Case(
        settings=({"max_steps": 4}, {"max_steps": 9, "terminate_on_success": True}),
        possible=({"cell": 2}, {"cell": 5}),
        impossible=None,
        still=lambda env: 1,
        module="tests.envs.smallest_environment",
        has_keys=False,
    ),
    "unknot/Grasp-v0": Case(
        settings=(
            {"objects": "test", "max_steps": 3, "terminate_on_success": True, "normalize_actions": True},
        ),
        possible=ON_TABLE,
        impossible=None,
        still=lambda env: np.zeros(6, dtype=np.float32),
        plain={"objects": "test"},
        has_keys=False,
    ),
    "unknot/GraspReach-v0": Case(
        settings=({"objects": "test", "max_steps": 5, "reward": "dense", "normalize_actions": True},),
        possible=ON_TABLE,
        impossible=None,
        still=lambda env: np.zeros(7, dtype=np.float32),
        plain={"objects": "test"},
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
    ),
}
IDS = sorted(CASES)


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
    """The images of an observation, or of its space, the scene's own first."""
    if not isinstance(tree, gym.spaces.Dict | Mapping):
        return [tree]
    keys = ("image",) if "image" in list(tree) else ("observation", "desired_goal")
    for key in keys:
        if key not in list(tree):
            pytest.fail(f"an observation that is a Dict must have `image`, or {keys}; this has no {key!r}")
    return [tree[key] for key in keys]


def difference(a: Any, b: Any, path: str = "the result") -> str:
    """Return where trees differ to the bit, types and shapes included; "" where they are equal."""
    if isinstance(a, Mapping):
        if not isinstance(b, Mapping) or a.keys() != b.keys():
            return f"{path} has other entries: {sorted(a)}, {sorted(b) if isinstance(b, Mapping) else b!r}"
        return next((d for key in a if (d := difference(a[key], b[key], f"{path}[{key!r}]"))), "")
    if isinstance(a, tuple | list) or (isinstance(a, np.ndarray) and a.dtype == object):
        if len(a) != len(b):
            return f"{path} has lengths {len(a)}, {len(b)}"
        pairs = enumerate(zip(a, b, strict=True))
        return next((d for k, (x, y) in pairs if (d := difference(x, y, f"{path}[{k}]"))), "")
    if isinstance(a, np.ndarray):
        if not isinstance(b, np.ndarray) or (a.dtype, a.shape) != (b.dtype, b.shape):
            return f"{path} is {a.dtype} {a.shape}, {getattr(b, 'dtype', type(b))} {getattr(b, 'shape', '')}"
        return "" if a.tobytes() == b.tobytes() else f"{path} has other values"
    return "" if type(a) is type(b) and a == b else f"{path} is {a!r}, {b!r}"


def same(a: Any, b: Any) -> bool:
    return not difference(a, b)


def check_same(a: Any, b: Any, sentence: str) -> None:
    """Fail with a sentence, and where the trees differ."""
    if where := difference(a, b):
        pytest.fail(f"{sentence}; {where}")


def refusal(attempt: Callable[[], Any], sentence: str) -> str:
    """Return the words of the ValueError that an attempt raises; fail with the sentence if it raises none."""
    try:
        attempt()
    except ValueError as error:
        return str(error)
    pytest.fail(sentence)


def rollout(env: Any, actions: Any) -> list[Any]:
    return [copy.deepcopy(env.step(action)) for action in actions]


def actions_for(env: Any, steps: int, seed: int = 0) -> list[Any]:
    env.action_space.seed(seed)
    return [env.action_space.sample() for _ in range(steps)]


def bad_actions(space: Any) -> tuple[list[tuple[Any, str]], list[Any]]:
    """Actions of the right shape that are refused, with the reason, and actions of another shape or kind."""
    if isinstance(space, gym.spaces.Discrete):
        return [(int(space.n), "outside"), (-1, "outside")], [[0], 0.0, np.float32(1)]
    good = space.sample()
    bad = [(np.full_like(good, value), "not finite") for value in (np.nan, np.inf)]
    return bad, [good[:-1], good[None], 0]


def outside(space: Any) -> Any:
    """A value of a space's type that is not in it."""
    if isinstance(space, gym.spaces.Discrete):
        return int(space.start + space.n)
    return space.high + 1 if space.dtype.kind in "iu" else np.full(space.shape, np.nan, space.dtype)


def stacked(scenes: Sequence[dict[str, Any]]) -> dict[str, Any]:
    return {name: np.array([scene[name] for scene in scenes]) for name in scenes[0]}


def describe(case: Case) -> str:
    """An impossible scene as its error must name it."""
    assert case.impossible is not None
    factor, value = next(iter(case.impossible.items()))
    return f"{factor}={value} is impossible: "
