"""Offline data: episodes recorded as Minari datasets, and transitions for learners read from any."""

import copy
import json
import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import gymnasium as gym
import h5py
import minari
import numpy as np
from gymnasium import spaces
from gymnasium.envs.registration import EnvSpec
from gymnasium.vector import AutoresetMode, SyncVectorEnv, VectorEnv
from minari import MinariDataset
from minari.data_collector import EpisodeBuffer
from minari.dataset.minari_dataset import parse_dataset_id
from minari.storage import get_dataset_path
from numpy.typing import NDArray

from unknot.checks import unknown
from unknot.envs.vector import VectorWrapper
from unknot.representation.training import progress_bar

from .evaluation import Agent, Evaluation, evaluate_agent

__all__ = ["record", "transitions"]

Array: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
"""An array, or a dict of trees."""

VECTOR_SETTINGS = ("num_envs", "vectorization_mode", "autoreset_mode", "vector_kwargs", "wrappers")
"""What `gym.make_vec` takes beside an environment's own arguments."""
DATA = "main_data.hdf5"
"""Where Minari keeps a dataset's episodes, a group each."""


def record(
    env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any],
    agent: Agent,
    episodes: int,
    seed: int,
    dataset: str,
    *,
    resume: bool = False,
    progress: bool = True,
) -> Evaluation:
    """Record an agent's episodes as a Minari dataset.

    Episode k is what `evaluate_agent` would count: reset with seed + k, the agent acting deterministically.
    Those that a vector environment plays at a time are written when all of them have ended; Ctrl-C keeps
    what is written. Infos are recorded, too, so that the dataset knows true factors. Images are stored
    losslessly and channels first, (c, h, w): Minari would make JPEGs of (h, w, c). The dataset lies where the
    environment variable MINARI_DATASETS_PATH says, and `minari.load_dataset(dataset).recover_environment()`
    makes the environment again (without the wrappers that a vector environment had).

    Args:
        env: what it shows is recorded. It stays open.
        agent: anything with Stable-Baselines3's `predict`, experts included.
        episodes: how many the dataset will have, those it has already included.
        seed: of the first episode.
        dataset: its id, NAMESPACE/NAME-vK; the namespace may be left out.
        resume: go on with a dataset of the same environment. (An agent with a random state of its own begins
            with the one it is handed over with.)
        progress: show a bar.

    Returns:
        What the agent did in the episodes that were recorded now.

    Raises:
        FileExistsError: there is such a dataset, and `resume` is False.
        ValueError: the dataset is of another environment, or has all these episodes; a bad id; a vector
            environment that restarts copies in the step that ends them.
    """
    _check_id(dataset)
    if episodes < 1:
        raise ValueError(f"episodes is {episodes}; expected at least 1")
    vector = env if isinstance(env, VectorEnv) else SyncVectorEnv([lambda: env])
    if vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
        raise ValueError("env restarts in the mode SAME_STEP, expected NEXT_STEP or DISABLED")
    writer, done = _Writer(dataset, vector, _spec_of_one(env), type(agent).__name__), 0
    if get_dataset_path(dataset).exists():
        if not resume:
            raise FileExistsError(f"dataset {dataset} exists already: resume it or give another name")
        done = writer.resume()
    if done >= episodes:
        raise ValueError(f"episodes={episodes}, but dataset {dataset} has {done} already")
    with progress_bar(progress) as bar:
        task = bar.add_task("recording", completed=done, total=episodes)
        recorder = _Recorder(vector, writer, episodes - done, lambda count: bar.advance(task, count))
        result = evaluate_agent(agent, recorder, episodes - done, seed + done)
        recorder.flush()
    return result


def transitions(dataset: MinariDataset, key: str = "observation") -> dict[str, Array]:
    """Read what learners learn from: every step of every episode.

    Args:
        dataset: recorded by `record` or brought by a user.
        key: what is taken of Dict observations.

    Returns:
        `observation` and `next_observation`, images as uint8 (n, h, w, c) however they were stored, and
        `action` (n, ...).

    Raises:
        ValueError: there is no step, or Dict observations have no such key.
    """
    columns: dict[str, list[Array]] = {"observation": [], "action": [], "next_observation": []}
    for episode in dataset.iterate_episodes():
        seen: Any = episode.observations
        if isinstance(seen, Mapping):
            if key not in seen:
                raise ValueError(unknown(f"key of what dataset {dataset.id} observes,", key, seen))
            seen = seen[key]
        columns["observation"].append(seen[:-1])
        columns["action"].append(episode.actions)
        columns["next_observation"].append(seen[1:])
    if not sum(map(len, columns["action"])):
        raise ValueError(f"dataset {dataset.id} has no steps")
    result = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    return {name: array if name == "action" else _as_images(array) for name, array in result.items()}


def _check_id(dataset: str) -> None:
    """Tell a bad id before anything is played."""
    try:
        parse_dataset_id(dataset)
    except (ValueError, TypeError):  # TypeError where the version is missing
        raise ValueError(f"dataset {dataset!r} must be an id such as planar/random-v0") from None


def _spec_of_one(env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> EnvSpec | None:
    """Return what makes one copy of an environment again."""
    spec = copy.deepcopy(env.spec)
    if spec is not None:
        for name in VECTOR_SETTINGS:
            spec.kwargs.pop(name, None)
    return spec


class _Writer:
    """Appends episodes to a dataset, which exists from the first one on."""

    def __init__(self, dataset: str, env: VectorEnv[Any, Any, Any], spec: EnvSpec | None, agent: str) -> None:
        self._dataset, self._env, self._spec, self._agent = dataset, env, spec, agent

    def resume(self) -> int:
        """Return how many episodes there are, and drop what was being written when it was cut off.

        Raises:
            ValueError: they are of another environment.
        """
        found = minari.load_dataset(self._dataset)
        theirs, ours = (
            "unknown"
            if spec is None
            else f"{spec.id} {json.dumps(spec.kwargs, default=repr)} {spec.additional_wrappers}"
            for spec in (found.env_spec, self._spec)
        )
        if theirs != ours:
            raise ValueError(f"dataset {self._dataset} is of the environment {theirs}, not of {ours}")
        with h5py.File(found.storage.data_path / DATA, "a") as file:
            for name in list(file):
                if int(name.removeprefix("episode_")) >= found.total_episodes:
                    del file[name]
        return int(found.total_episodes)

    def __call__(self, episodes: list[EpisodeBuffer]) -> None:
        if get_dataset_path(self._dataset).exists():
            minari.load_dataset(self._dataset).update_dataset_from_buffer(episodes)
            return
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "(`.*` is set to|env_spec is) None", UserWarning)
            minari.create_dataset_from_buffers(
                self._dataset,
                episodes,
                env=self._spec,
                algorithm_name=self._agent,
                observation_space=_storable_space(self._env.single_observation_space),
                action_space=self._env.single_action_space,
                requirements=["unknot"],
                data_format="hdf5",
            )


class _Recorder(VectorWrapper):
    """Keeps the episodes that run at a time, and writes the first `remaining` of all, in their order."""

    def __init__(
        self,
        env: VectorEnv[Any, Any, Any],
        write: Callable[[list[EpisodeBuffer]], None],
        remaining: int,
        on_written: Callable[[int], None],
    ) -> None:
        super().__init__(env)
        self._write, self._remaining, self._on_written = write, remaining, on_written
        self._seeds: Any = []

    def reset(self, *, seed: Any = None, options: dict[str, Any] | None = None) -> tuple[Any, dict[str, Any]]:
        """Begin episodes."""
        observations, infos = self.env.reset(seed=seed, options=options)
        if seed is not None:  # else copies go on whose episodes have been recorded
            self.flush()
            self._seeds, self._seen, self._told = seed, [observations], [_unmasked(infos)]
            self._done: list[tuple[Any, ...]] = []
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._seen.append(observations)
        self._told.append(_unmasked(infos))
        self._done.append((actions, rewards, terminated, truncated))
        return observations, rewards, terminated, truncated, infos

    def flush(self) -> None:
        """Write the episodes that were begun together."""
        seeds = self._seeds[: self._remaining]
        if not len(seeds):
            return
        seen, told = _storable(_stacked(self._seen)), _stacked(self._told)
        actions, rewards, terminations, truncations = map(np.stack, zip(*self._done, strict=True))
        lengths = 1 + (terminations | truncations).argmax(axis=0)
        self._write(
            [
                EpisodeBuffer(
                    seed=seed,
                    observations=_cut(seen, length + 1, row),
                    actions=actions[:length, row],
                    rewards=rewards[:length, row],
                    terminations=terminations[:length, row],
                    truncations=truncations[:length, row],
                    infos=_cut(told, length + 1, row),
                )
                for row, (seed, length) in enumerate(zip(seeds, lengths[: len(seeds)], strict=True))
            ]
        )
        self._seeds, self._remaining = [], self._remaining - len(seeds)
        self._on_written(len(seeds))


def _unmasked(infos: Mapping[str, Tree]) -> dict[str, Tree]:
    """Drop the masks of infos."""
    return {
        key: _unmasked(value) if isinstance(value, Mapping) else value
        for key, value in infos.items()
        if not key.startswith("_")
    }


def _cut(tree: Tree, length: int, row: int) -> Tree:
    """Return a copy's first entries of arrays (steps, copies, ...)."""
    if isinstance(tree, Mapping):
        return {key: _cut(value, length, row) for key, value in tree.items()}
    return tree[:length, row]


def _stacked(trees: list[Tree]) -> Tree:
    """Stack trees of one form."""
    if isinstance(trees[0], Mapping):
        return {key: _stacked([tree[key] for tree in trees]) for key in trees[0]}
    return np.stack(trees)


def _storable(tree: Tree) -> Tree:
    """Put the channels of images (steps, copies, h, w, c) first."""
    if isinstance(tree, Mapping):
        return {key: _storable(value) for key, value in tree.items()}
    return np.moveaxis(tree, -1, 2) if _is_image(tree.dtype, tree.shape[2:]) else tree


def _storable_space(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Put the channels of images first."""
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: _storable_space(part) for key, part in space.items()})
    if isinstance(space, spaces.Box) and _is_image(space.dtype, space.shape):
        return spaces.Box(0, 255, (space.shape[2], *space.shape[:2]), np.uint8)
    return space


def _is_image(dtype: Any, shape: tuple[int, ...]) -> bool:
    """Tell whether something is (h, w, c)."""
    return dtype == np.uint8 and len(shape) == 3 and shape[2] < shape[0]


def _as_images(array: Array) -> Array:
    """Return images, (n, h, w), (n, c, h, w) or (n, h, w, c), as (n, h, w, c); keep other arrays."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4):
        return array
    if array.ndim == 3:
        return array[..., None]
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)) if array.shape[1] < array.shape[3] else array
