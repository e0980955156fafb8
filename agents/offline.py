"""Offline data: episodes recorded as Minari datasets, and transitions for learners read from any."""

import warnings
from collections.abc import Callable, Mapping
from typing import Any, TypeAlias

import gymnasium as gym
import h5py
import minari
import numpy as np
from gymnasium import spaces
from minari import MinariDataset
from minari.data_collector import EpisodeBuffer
from minari.storage import get_dataset_path
from numpy.typing import NDArray
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeRemainingColumn

from .evaluation import Agent, Evaluation, evaluate_agent

__all__ = ["record", "transitions"]

Array: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
"""An array, or a dict of trees."""

DATA = "main_data.hdf5"
"""Where Minari keeps a dataset's episodes, a group each."""


def record(
    env: gym.Env[Any, Any],
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
    It is written when it ends; Ctrl-C keeps those that did. Infos are recorded, too, so that the dataset
    knows true factors. Images are stored losslessly and channels first, (c, h, w): Minari would make JPEGs of
    (h, w, c). The dataset lies where the environment variable MINARI_DATASETS_PATH says, and
    `minari.load_dataset(dataset).recover_environment()` makes the environment again.

    Args:
        env: it stays open.
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
        ValueError: the dataset is of another environment, or has all these episodes; a bad id.
    """
    done = 0
    if get_dataset_path(dataset).exists():
        if not resume:
            raise FileExistsError(f"dataset {dataset} exists already: resume it or give another name")
        done = _continue(dataset, env)
    if done >= episodes:
        raise ValueError(f"episodes={episodes}, but dataset {dataset} has {done} already")
    columns = TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeRemainingColumn()
    with Progress(*columns, disable=not progress) as bar:
        task = bar.add_task("recording", completed=done, total=episodes)
        writer = _Writer(dataset, env, type(agent).__name__, lambda: bar.advance(task))
        return evaluate_agent(agent, _Recorder(env, writer), episodes - done, seed + done)


def transitions(dataset: MinariDataset) -> dict[str, Array]:
    """Read what learners learn from: every step of every episode.

    Args:
        dataset: recorded by `record` or brought by a user; of Dict observations `observation` is taken.

    Returns:
        `observation` and `next_observation`, images as uint8 (n, h, w, c) however they were stored, and
        `action` (n, ...).

    Raises:
        ValueError: there is no step, or Dict observations have no `observation`.
    """
    columns: dict[str, list[Array]] = {"observation": [], "action": [], "next_observation": []}
    for episode in dataset.iterate_episodes():
        seen: Any = episode.observations
        if isinstance(seen, Mapping):
            if "observation" not in seen:
                raise ValueError(f"dataset {dataset.id} observes {sorted(seen)}, expected an 'observation'")
            seen = seen["observation"]
        columns["observation"].append(seen[:-1])
        columns["action"].append(episode.actions)
        columns["next_observation"].append(seen[1:])
    if not sum(map(len, columns["action"])):
        raise ValueError(f"dataset {dataset.id} has no steps")
    result = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    return {name: array if name == "action" else _as_images(array) for name, array in result.items()}


def _continue(dataset: str, env: gym.Env[Any, Any]) -> int:
    """Return how many episodes a dataset has, and drop what was being written when it was cut off."""
    found = minari.load_dataset(dataset)
    if env.spec is None or found.env_spec is None or found.env_spec.to_json() != env.spec.to_json():
        raise ValueError(f"dataset {dataset} is of the environment {found.env_spec}, not of {env.spec}")
    with h5py.File(found.storage.data_path / DATA, "a") as file:
        for name in list(file):
            if int(name.removeprefix("episode_")) >= found.total_episodes:
                del file[name]
    return int(found.total_episodes)


class _Writer:
    """Appends episodes to a dataset, which exists from the first one on."""

    def __init__(
        self, dataset: str, env: gym.Env[Any, Any], agent: str, on_episode: Callable[[], None]
    ) -> None:
        self._dataset, self._env, self._agent, self._on_episode = dataset, env, agent, on_episode

    def __call__(self, episode: EpisodeBuffer) -> None:
        if get_dataset_path(self._dataset).exists():
            minari.load_dataset(self._dataset).update_dataset_from_buffer([episode])
        else:
            self._create(episode)
        self._on_episode()

    def _create(self, episode: EpisodeBuffer) -> None:
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", "`.*` is set to None", UserWarning)  # author, e-mail, link
            minari.create_dataset_from_buffers(
                self._dataset,
                [episode],
                env=self._env,
                eval_env=self._env,
                algorithm_name=self._agent,
                observation_space=_storable_space(self._env.observation_space),
                requirements=["unknot"],
                data_format="hdf5",
            )


class _Recorder(gym.Wrapper[Any, Any, Any, Any]):
    """Hands over each episode when it ends."""

    def __init__(self, env: gym.Env[Any, Any], write: Callable[[EpisodeBuffer], None]) -> None:
        super().__init__(env)
        self._write = write

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Any, dict[str, Any]]:
        """Begin an episode."""
        observation, info = self.env.reset(seed=seed, options=options)
        self._seed = seed
        self._seen, self._told, self._done = [observation], [info], list[tuple[Any, ...]]()
        return observation, info

    def step(self, action: Any) -> tuple[Any, Any, bool, bool, dict[str, Any]]:
        """Act."""
        observation, reward, terminated, truncated, info = self.env.step(action)
        self._seen.append(observation)
        self._told.append(info)
        self._done.append((action, reward, terminated, truncated))
        if terminated or truncated:
            actions, rewards, terminations, truncations = map(np.array, zip(*self._done, strict=True))
            self._write(
                EpisodeBuffer(
                    seed=self._seed,
                    observations=_storable(_stacked(self._seen)),
                    actions=actions,
                    rewards=rewards,
                    terminations=terminations,
                    truncations=truncations,
                    infos=_stacked(self._told),
                )
            )
        return observation, reward, terminated, truncated, info


def _stacked(trees: list[Tree]) -> Tree:
    """Stack trees of one form."""
    if isinstance(trees[0], Mapping):
        return {key: _stacked([tree[key] for tree in trees]) for key in trees[0]}
    return np.stack(trees)


def _storable(tree: Tree) -> Tree:
    """Put the channels of image batches first."""
    if isinstance(tree, Mapping):
        return {key: _storable(value) for key, value in tree.items()}
    return np.moveaxis(tree, -1, 1) if _is_image(tree.dtype, tree.shape[1:]) else tree


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
