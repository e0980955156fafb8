"""Environments in other code: wrappers, worker processes, films, fixed seeds."""

import copy
import hashlib
import json
import operator
from collections.abc import Mapping
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any

import gymnasium as gym
import numpy as np
import pytest
from gymnasium.wrappers import FrameStackObservation, RecordVideo

import unknot  # noqa: F401  registers the environments
from unknot.envs import ENVIRONMENTS

SETTINGS: dict[str, dict[str, Any]] = {
    "unknot/Grasp-v0": {"objects": "test", "max_steps": 4},
    "unknot/GraspReach-v0": {"objects": "test", "max_steps": 4},
    "unknot/Maze-v0": {"max_steps": 4},
    "unknot/MnistGrid-v0": {"max_steps": 4, "digits": "digits"},
    "unknot/Planar-v0": {"max_steps": 4},
}
each = pytest.mark.parametrize("name", SETTINGS)

DIGESTS = {
    "unknot/Grasp-v0": "97427f4eae0a",
    "unknot/GraspReach-v0": "97427f4eae0a",
    "unknot/Maze-v0": "266f4682c7c3",
    "unknot/MnistGrid-v0": "4185bd0770b6",
    "unknot/Planar-v0": "568343d60d76",
}
"""Hashes of sampled factors, and, where no physics is involved, of trajectories."""


@pytest.fixture(autouse=True)
def _physics(request: pytest.FixtureRequest) -> None:
    if "Grasp" in request.node.name:
        pytest.importorskip("pybullet")


def make(name: str, **settings: Any) -> gym.Env[Any, Any]:
    return gym.make(name, **SETTINGS[name] | settings)


def same(a: Any, b: Any) -> bool:
    """Compare trees of arrays and numbers."""
    if isinstance(a, Mapping):
        return a.keys() == b.keys() and all(same(a[key], b[key]) for key in a)
    if isinstance(a, tuple):
        return len(a) == len(b) and all(map(same, a, b))
    return bool(np.array_equal(a, b))


def action_at(space: gym.Space[Any], step: int) -> Any:
    """An action without randomness."""
    if isinstance(space, gym.spaces.Discrete):
        return step % int(space.n)
    assert isinstance(space, gym.spaces.Box)
    share = np.array([(7 * step + 3 * k) % 13 / 12 for k in range(space.shape[0])])
    return (space.low + share * (space.high - space.low)).astype(np.float32)


def test_every_environment_is_tested() -> None:
    assert set(SETTINGS) == set(ENVIRONMENTS), "add a row for the environment to SETTINGS and to DIGESTS"


@each
def test_seeds_always_give_the_same_trajectories(name: str) -> None:
    env = make(name)
    seen = []
    for seed in (0, 1, 2**31):
        factors = [env.reset(seed=seed)[1]["factors"], env.reset()[1]["factors"]]
        if "Grasp" not in name:
            factors += [env.step(action_at(env.action_space, step))[4]["factors"] for step in range(20)]
        seen += [
            np.round(np.concatenate([np.ravel(v) for v in each.values()]), 6).tolist() for each in factors
        ]
    digest = hashlib.sha256(json.dumps(seen).encode()).hexdigest()[:12]
    assert digest == DIGESTS.get(name), f"a new environment's row of DIGESTS is {name!r}: {digest!r}"


@each
def test_forked_workers_do_what_the_native_vector_environment_does(name: str) -> None:
    workers: Any = gym.make_vec(
        name, 2, vectorization_mode="async", vector_kwargs={"context": "fork"}, **SETTINGS[name]
    )
    native: Any = gym.make_vec(name, 2, **SETTINGS[name])
    assert same(workers.reset(seed=3), native.reset(seed=3))
    for step in range(6):  # an end and a new beginning among them
        actions = np.stack([action_at(native.single_action_space, step + k) for k in range(2)])
        assert same(workers.step(actions), native.step(actions))
    workers.close()
    native.close()


@each
def test_an_environment_continues_in_a_spawned_process(name: str) -> None:
    env = make(name)
    env.reset(seed=4)
    env.step(action_at(env.action_space, 1))
    act = operator.methodcaller("step", action_at(env.action_space, 2))
    with ProcessPoolExecutor(1, get_context("spawn")) as pool:
        elsewhere = pool.submit(act, env).result()
    assert same(elsewhere, act(copy.deepcopy(env)))
    assert same(elsewhere, act(env))


@each
def test_films_are_recorded(name: str, tmp_path: Path) -> None:
    ffmpeg = pytest.importorskip("imageio_ffmpeg")
    env: Any = RecordVideo(make(name, render_mode="rgb_array"), str(tmp_path / "films"), disable_logger=True)
    env.reset(seed=0)
    ended, frames = False, 1
    while not ended:
        _, _, terminated, truncated, _ = env.step(action_at(env.action_space, frames))
        ended, frames = terminated or truncated, frames + 1
    env.close()
    (film,) = tmp_path.rglob("*.mp4")
    assert ffmpeg.count_frames_and_secs(str(film))[0] == frames


@each
def test_frames_are_stacked(name: str) -> None:
    env, stacked = make(name), FrameStackObservation(make(name), 3)
    first, _ = env.reset(seed=0)
    last, _ = stacked.reset(seed=0)
    seen = [first] * 3
    for step in range(3):
        action = action_at(env.action_space, step)
        seen.append(env.step(action)[0])
        last = stacked.step(action)[0]
        assert stacked.observation_space.contains(last)
    if isinstance(last, Mapping):
        assert all(np.array_equal(last[key], np.stack([one[key] for one in seen[-3:]])) for key in last)
    else:
        assert np.array_equal(last, np.stack(seen[-3:]))
