"""Hypothesis drives every environment: single ones, a twin of each, and a vector environment of both."""

import json
import math
from collections.abc import Callable, Mapping
from typing import Any, ClassVar

import gymnasium as gym
import numpy as np
import pytest
from gymnasium import spaces
from gymnasium.vector import AutoresetMode
from hypothesis import HealthCheck, reject, settings
from hypothesis import strategies as st
from hypothesis.stateful import (
    RuleBasedStateMachine,
    initialize,
    invariant,
    precondition,
    rule,
    run_state_machine_as_test,
)

import unknot  # noqa: F401  registers the environments
from unknot.envs import ENVIRONMENTS

N = 2
SEEDS = st.integers(0, 2**31)
SHORT = {
    "max_steps": st.integers(1, 8),
    "reward": st.sampled_from(["sparse", "dense"]),
    "terminate_on_success": st.booleans(),
}
SETTINGS: dict[str, st.SearchStrategy[dict[str, Any]]] = {
    "unknot/Planar-v0": st.fixed_dictionaries(
        SHORT
        | {
            "appearance": st.sampled_from(["square", "cross", "disc", "oblique"]),
            "collision": st.sampled_from(["published", "solid"]),
            "task": st.sampled_from(["corners", "anywhere"]),
            "map": st.sampled_from(["paper", "gates", "door", "random"]),
            "map_seed": st.integers(0, 5),
            "noise": st.sampled_from([0.0, 1.0]),
            "normalize_actions": st.booleans(),
            "subpixel": st.booleans(),
        }
    ),
    "unknot/Maze-v0": st.fixed_dictionaries(
        SHORT
        | {
            "size": st.integers(4, 7),
            "layout": st.sampled_from(
                ["random", "random", "open", "paper", ["..~.", "o#..", ".#o.", "...."]]
            ),
            "blocks": st.floats(0, 0.4),
            "water": st.floats(0, 0.3),
            "switches": st.integers(0, 2),
            "switch_states": st.integers(2, 7),
            "task": st.sampled_from(["reach", "switch", "none"]),
            "goal": st.sampled_from(["drawn", "image"]),
        }
    ),
    "unknot/MnistGrid-v0": st.fixed_dictionaries(
        SHORT
        | {
            "size": st.integers(2, 5),
            "pixels": st.integers(30, 40),
            "task": st.sampled_from(["reach", "none"]),
            "split": st.sampled_from(["train", "test"]),
            "digits": st.just("digits"),
        }
    ),
    "unknot/Grasp-v0": st.fixed_dictionaries(
        {
            "objects": st.sampled_from(["test", "pybullet"]),
            "max_steps": st.integers(1, 3),
            "terminate_on_success": st.booleans(),
            "normalize_actions": st.booleans(),
        }
    ),
    "unknot/GraspReach-v0": st.fixed_dictionaries(
        SHORT | {"objects": st.sampled_from(["test", "pybullet"]), "normalize_actions": st.booleans()}
    ),
}
EXAMPLES = {name: 2 if "Grasp" in name else 15 for name in SETTINGS}
"""The number of runs; physics is slow."""


def same(a: Any, b: Any) -> bool:
    """Compare trees of arrays and numbers to the bit."""
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    if isinstance(a, np.ndarray):
        return bool(a.dtype == b.dtype and a.shape == b.shape and a.tobytes() == b.tobytes())
    return bool(a == b)


def row(tree: Any, k: int) -> Any:
    """One row of a batch, without masks; numbers come out as Python's own."""
    if isinstance(tree, Mapping):
        return {key: row(value, k) for key, value in tree.items() if not key.startswith("_")}
    return tree[k] if tree.ndim > 1 else tree[k].item()


def values(space: spaces.Space[Any]) -> st.SearchStrategy[Any]:
    """Values of a Box or a Discrete space, its corners among them."""
    if isinstance(space, spaces.Discrete):
        return st.integers(int(space.start), int(space.start + space.n - 1))
    assert isinstance(space, spaces.Box)
    pick: Callable[[Any, Any], st.SearchStrategy[Any]] = (
        st.integers if np.issubdtype(space.dtype, np.integer) else st.floats
    )
    parts = [
        pick(low.item(), high.item()) for low, high in zip(space.low.ravel(), space.high.ravel(), strict=True)
    ]
    return st.tuples(*parts).map(lambda numbers: np.array(numbers, space.dtype).reshape(space.shape))


def factors_of(space: spaces.Dict) -> st.SearchStrategy[dict[str, Any]]:
    """Some of a space's factors, each for N copies."""
    lists = {name: st.lists(values(part), min_size=N, max_size=N) for name, part in space.items()}
    return st.fixed_dictionaries({}, optional=lists)


def actions(space: spaces.Space[Any]) -> st.SearchStrategy[Any]:
    """Actions, for a Box those that it clips among them."""
    if isinstance(space, spaces.Box):
        return values(space) | values(spaces.Box(-1e6, 1e6, space.shape, np.float32))
    return values(space)


def of_copy(factors: dict[str, list[Any]], k: int) -> dict[str, Any]:
    return {name: given[k] for name, given in factors.items()}


def arrays(factors: dict[str, Any]) -> dict[str, Any]:
    return {name: np.asarray(value) for name, value in factors.items()}


def stacked(factors: dict[str, list[Any]]) -> dict[str, Any]:
    return {name: np.stack(given) for name, given in factors.items()}


OnCopy = Callable[[Any, int], tuple[Any, ...]]
OnBatch = Callable[[], tuple[Any, ...]]


class Drive(RuleBasedStateMachine):
    """Does the same to N environments, to their twins, and to a vector environment of N copies."""

    name: ClassVar[str]
    envs: list[Any]
    twins: list[Any]

    @initialize(data=st.data(), seed=SEEDS)
    def begin(self, data: st.DataObject, seed: int) -> None:
        chosen = data.draw(SETTINGS[self.name])
        mode = AutoresetMode.DISABLED
        try:
            self.native: Any = gym.make_vec(self.name, num_envs=N, autoreset_mode=mode, **chosen).unwrapped
            self.native.reset(seed=seed)
        except (ValueError, RuntimeError):  # settings that do not fit together, or leave no room
            reject()
        self.envs, self.twins = (
            [gym.make(self.name, **chosen).unwrapped for _ in range(N)] for _ in range(2)
        )
        self.reset(seed=seed)

    @rule(seed=SEEDS | st.none())
    def reset(self, seed: int | None) -> None:
        self.do(
            lambda env, k: env.reset(seed=None if seed is None else seed + k),
            lambda: self.native.reset(seed=seed),
        )
        self.ended = np.zeros(N, bool)

    @rule(data=st.data())
    def reset_with_options(self, data: st.DataObject) -> None:
        env = self.envs[0]
        options = {
            "factors": data.draw(factors_of(env.factor_space)),
            "goal": data.draw(factors_of(env.goal_space)),
        }
        if self.attempt(
            lambda env, k: env.reset(options={key: of_copy(given, k) for key, given in options.items()}),
            lambda: self.native.reset(options={key: stacked(given) for key, given in options.items()}),
        ):
            self.ended = np.zeros(N, bool)

    @rule(data=st.data())
    def set_factors(self, data: st.DataObject) -> None:
        factors = data.draw(factors_of(self.envs[0].factor_space))
        self.attempt(
            lambda env, k: (env.set_factors(of_copy(factors, k)),),
            lambda: (self.native.set_factors(stacked(factors)),),
        )

    @precondition(lambda self: not self.ended.any())
    @rule(data=st.data())
    def step(self, data: st.DataObject) -> None:
        action = actions(self.envs[0].action_space)
        chosen = np.stack([data.draw(action) for _ in range(N)])
        results = self.do(lambda env, k: env.step(chosen[k]), lambda: self.native.step(chosen))
        assert all(math.isfinite(reward) for _, reward, *_ in results)
        self.ended = np.array([terminated or truncated for _, _, terminated, truncated, _ in results])

    @precondition(lambda self: self.ended.any())
    @rule()
    def begin_again(self) -> None:
        mask = self.ended.copy()
        before = [env.scene() for env in self.envs]
        observations, infos = self.native.reset(options={"reset_mask": mask})
        for k in np.flatnonzero(mask):
            single, twin = self.envs[k].reset(), self.twins[k].reset()
            assert same(single, twin)
            assert same(single, (row(observations, k), row(infos, k)))
        assert all(
            scene == now for scene, now, new in zip(before, self.native.scene(), mask, strict=True) if not new
        )
        self.ended = np.zeros(N, bool)

    @rule()
    def continue_from_scenes(self) -> None:
        scenes = json.loads(json.dumps(self.native.scene()))
        self.do(
            lambda env, k: env.reset(options={"scene": scenes[k]}),
            lambda: self.native.reset(options={"scene": scenes}),
        )

    @invariant()
    def scenes_agree(self) -> None:
        scenes = self.native.scene()
        assert scenes == [env.scene() for env in self.envs] == [twin.scene() for twin in self.twins]

    def attempt(self, single: OnCopy, batch: OnBatch) -> bool:
        """Do what may be impossible: the batch refuses it if one copy does, and then changes nothing."""
        before = self.native.scene()
        refused = False
        for k, env in enumerate(self.envs):
            try:
                single(env, k)
            except ValueError:
                refused = True
                assert env.scene() == before[k]
            except RuntimeError:  # no room is left for what must be sampled
                refused = True
            env.reset(options={"scene": before[k]})
        if not refused:
            self.do(single, batch)
            return True
        with pytest.raises((ValueError, RuntimeError)) as caught:
            batch()
        if caught.type is ValueError:
            assert self.native.scene() == before
        self.native.reset(options={"scene": before})
        return False

    def do(self, single: OnCopy, batch: OnBatch) -> list[Any]:
        """Do the same everywhere; return what the single environments gave."""
        results = [single(env, k) for k, env in enumerate(self.envs)]
        together = batch()
        for k, result in enumerate(results):
            assert same(result, single(self.twins[k], k))
            assert same(result, tuple(row(part, k) for part in together))
            assert self.native.single_observation_space.contains(result[0])
            for info in result[1:][-1:]:
                assert self.native.factor_space.contains(arrays(info["factors"]))
                assert self.native.goal_space.contains(arrays(info["goal"]))
        return results


def test_every_environment_is_driven() -> None:
    assert set(SETTINGS) == set(ENVIRONMENTS), "add a row for the environment to SETTINGS"


@pytest.mark.parametrize("name", SETTINGS)
def test_everything_agrees(name: str) -> None:
    if "Grasp" in name:
        pytest.importorskip("pybullet")
    machine = type("Drive", (Drive,), {"name": name})
    run_state_machine_as_test(
        machine,
        settings=settings(
            max_examples=EXAMPLES[name],
            stateful_step_count=15,
            deadline=None,
            derandomize=True,
            suppress_health_check=list(HealthCheck),
        ),
    )
