"""Offline data: recording episodes as Minari datasets, and reading transitions for learners from them."""

import copy
import json
import warnings
from collections.abc import Callable, Iterator, Mapping, Sequence
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

from unknot.archives import damage_named
from unknot.checks import count, one_of
from unknot.envs.vector import VectorWrapper
from unknot.progress import progress_bar

from .evaluation import Agent, Evaluation, evaluate_agent

__all__ = ["record", "transitions"]

Array: TypeAlias = NDArray[Any]
Tree: TypeAlias = Any
"""An array, or a dict or tuple of trees."""

VECTOR_SETTINGS = ("num_envs", "vectorization_mode", "autoreset_mode", "vector_kwargs", "wrappers")
"""Arguments of `gym.make_vec` besides an environment's own."""
DATA = "main_data.hdf5"
"""The file in which Minari keeps a dataset's episodes, one group each."""
SIDE = 32
"""The least height and width, in pixels, of what Minari takes for images."""
MINARI = "a dataset of Minari"
JPEG = (0xFF, 0xD8, 0xFF)
"""The first bytes of a JPEG file."""
ARRAYS = spaces.Box | spaces.Discrete | spaces.MultiDiscrete | spaces.MultiBinary
"""Spaces whose samples are arrays of one shape."""


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

    Episode k is the one that `evaluate_agent` would count: reset with seed + k, the agent acting
    deterministically. Episodes that a vector environment plays together are written when all of them have
    ended; Ctrl-C keeps what is written. Infos are recorded, too, and with them the true factors. All is
    stored losslessly; images of at least 32 × 32 pixels channels first, (c, h, w), since Minari would decode
    (h, w, c) as JPEG. The environment variable MINARI_DATASETS_PATH is the folder of datasets, and
    `minari.load_dataset(dataset).recover_environment()` makes the environment again (without the wrappers of
    a vector environment).

    Args:
        env: its observations are recorded. It stays open.
        agent: anything with Stable-Baselines3's `predict`, experts included.
        episodes: number of episodes that the dataset will have, including those it already has.
        seed: seed of the first episode.
        dataset: its id, NAMESPACE/NAME-vK; the namespace may be left out.
        resume: continue a dataset of the same environment. (An agent's own random state is not restored.)
        progress: show a progress bar.

    Returns:
        The evaluation of the episodes recorded now.

    Raises:
        FileExistsError: the dataset exists, and `resume` is False.
        FileError: the dataset to resume is damaged.
        ValueError: the dataset is of another environment or already complete, the id is malformed, or `env`
            has the autoreset mode SAME_STEP or spaces that can't be stored.
    """
    _check_id(dataset)
    count(1, episodes=episodes)
    vector = env if isinstance(env, VectorEnv) else SyncVectorEnv([lambda: env])
    if vector.metadata["autoreset_mode"] is AutoresetMode.SAME_STEP:
        raise ValueError("env must have the autoreset mode NEXT_STEP or DISABLED, not SAME_STEP")
    _storable_space(vector.single_observation_space)
    if not isinstance(vector.single_action_space, ARRAYS) or _as_jpeg(vector.single_action_space):
        raise ValueError(f"env must have actions that are arrays, not {vector.single_action_space}")
    writer, done = _Writer(dataset, vector, _spec_of_one(env), type(agent).__name__), 0
    if get_dataset_path(dataset).exists():
        if not resume:
            raise FileExistsError(f"dataset {dataset} exists already: resume it or give another name")
        done = writer.resume()
    if done >= episodes:
        raise ValueError(
            f"episodes must be above {done}, which dataset {dataset} already has, not {episodes}"
        )
    with progress_bar(progress) as bar:
        task = bar.add_task("recording", completed=done, total=episodes)
        recorder = _Recorder(vector, writer, episodes - done, lambda written: bar.advance(task, written))
        result = evaluate_agent(agent, recorder, episodes - done, seed + done)
        recorder.flush()
    return result


def transitions(dataset: MinariDataset, key: str = "observation") -> dict[str, Array]:
    """Read training data for learners: every step of every episode.

    Args:
        dataset: recorded by `record`, or any other.
        key: the entry to take of Dict observations.

    Returns:
        `observation` and `next_observation` (n, ...), and `action` (n, ...). Images, which are uint8 and have
        at least 32 × 32 pixels, are (n, h, w, c) in any storage order; everything else has the shape of the
        dataset's space.

    Raises:
        FileError: the dataset is damaged.
        ValueError: the dataset has no steps, its Dict observations have no such key, or its observations or
            actions are not arrays of their space, such as Tuples and JPEGs that Minari can't decode.
    """
    space = dataset.observation_space
    if isinstance(space, spaces.Dict):
        one_of(f"entry of the observations of dataset {dataset.id}", key, space)
        space = space[key]
    columns: dict[str, list[Array]] = {"observation": [], "action": [], "next_observation": []}
    for episode in _episodes(dataset):
        whole = episode.observations
        observations = _as_in_space(
            whole[key] if isinstance(whole, dict) else whole, space, "observations", dataset
        )
        actions = _as_in_space(episode.actions, dataset.action_space, "actions", dataset)
        if len(observations) != len(actions) + 1:
            raise ValueError(
                f"dataset {dataset.id} must have an observation more than actions in episode {episode.id}, "
                f"not {len(observations)} and {len(actions)}"
            )
        columns["observation"].append(observations[:-1])
        columns["action"].append(actions)
        columns["next_observation"].append(observations[1:])
    if not sum(map(len, columns["action"])):
        raise ValueError(f"dataset {dataset.id} has no steps")
    result = {name: np.concatenate(arrays) for name, arrays in columns.items()}
    return {name: array if name == "action" else _as_images(array) for name, array in result.items()}


def _episodes(dataset: MinariDataset) -> Iterator[Any]:
    with damage_named(dataset.storage.data_path / DATA, MINARI):
        yield from dataset.iterate_episodes()


def _as_in_space(values: Any, space: spaces.Space[Any], what: str, dataset: MinariDataset) -> Array:
    """Return what Minari read as arrays of a space (n, ...), or refuse it."""
    if not isinstance(space, ARRAYS):
        raise ValueError(f"dataset {dataset.id} must have {what} that are arrays, not of {space}")
    array, shape = np.asarray(values), space.shape or ()
    if _as_jpeg(space) and array.shape[1:] == shape[:2]:
        array = array.reshape(len(array), *shape)  # JPEGs have no single channel
    fits = array.shape[1:] == shape and np.can_cast(array.dtype, space.dtype, "same_kind")
    if not fits or _are_jpegs(array):
        raise ValueError(
            f"dataset {dataset.id} has {what} of {array.dtype} {array.shape[1:]}, not {space}: Minari stores "
            "uint8 as JPEGs, which it decodes for large images alone; record it with unknot.agents.record"
        )
    return array


def _are_jpegs(array: Array) -> bool:
    """Return whether vectors of bytes (n, length) are files of JPEG, each."""
    vectors = array.dtype == np.uint8 and array.ndim == 2 and array.shape[1] > len(JPEG)
    return vectors and len(array) > 0 and bool((array[:, : len(JPEG)] == JPEG).all())


def _check_id(dataset: str) -> None:
    """Refuse a malformed id before anything is played."""
    try:
        parse_dataset_id(dataset)
    except (ValueError, TypeError):  # TypeError where the version is missing
        raise ValueError(f"dataset {dataset!r} must be an id such as planar/random-v0") from None


def _spec_of_one(env: gym.Env[Any, Any] | VectorEnv[Any, Any, Any]) -> EnvSpec | None:
    """Return the spec that makes one copy of an environment again."""
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
        """Return the number of complete episodes, and drop one that was cut off while it was written.

        Raises:
            ValueError: the dataset is of another environment.
        """
        with damage_named(get_dataset_path(self._dataset), MINARI):
            found = minari.load_dataset(self._dataset)
        theirs, ours = (
            "unknown"
            if spec is None
            else f"{spec.id} {json.dumps(spec.kwargs, default=repr)} {spec.additional_wrappers}"
            for spec in (found.env_spec, self._spec)
        )
        if theirs != ours:
            raise ValueError(f"dataset {self._dataset} is of the environment {theirs}, not of {ours}")
        path = found.storage.data_path / DATA
        with damage_named(path, MINARI), h5py.File(path, "r+") as file:
            for number in range(found.total_episodes):
                file[f"episode_{number}"]  # must be there
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
    """Collects the episodes that run together, and writes the first `remaining` of them in their order."""

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
        if seed is not None:  # otherwise these copies' episodes are already recorded
            self.flush()
            self._seeds, self._observations, self._infos = seed, [observations], [_unmasked(infos)]
            self._steps: list[tuple[Any, ...]] = []
        return observations, infos

    def step(self, actions: Any) -> tuple[Any, Any, Any, Any, dict[str, Any]]:
        """Act."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        self._observations.append(observations)
        self._infos.append(_unmasked(infos))
        self._steps.append((actions, rewards, terminated, truncated))
        return observations, rewards, terminated, truncated, infos

    def flush(self) -> None:
        """Write the episodes that began together."""
        seeds = self._seeds[: self._remaining]
        if not len(seeds):
            return
        observations = _storable(_stacked(self._observations), self.env.single_observation_space)
        infos = _stacked(self._infos)
        actions, rewards, terminations, truncations = map(np.stack, zip(*self._steps, strict=True))
        lengths = 1 + (terminations | truncations).argmax(axis=0)
        self._write(
            [
                EpisodeBuffer(
                    seed=seed,
                    observations=_cut(observations, length + 1, row),
                    actions=_cut(actions, length, row),
                    rewards=rewards[:length, row],
                    terminations=terminations[:length, row],
                    truncations=truncations[:length, row],
                    infos=_cut(infos, length + 1, row),
                )
                for row, (seed, length) in enumerate(zip(seeds, lengths[: len(seeds)], strict=True))
            ]
        )
        self._seeds, self._remaining = [], self._remaining - len(seeds)
        self._on_written(len(seeds))


def _unmasked(infos: Mapping[str, Tree]) -> dict[str, Tree]:
    """Remove the masks from infos."""
    return {
        key: _unmasked(value) if isinstance(value, Mapping) else value
        for key, value in infos.items()
        if not key.startswith("_")
    }


class _Raw(Sequence[Array]):
    """Bytes (n, ...) that Minari stores as they are; arrays of bytes it would take for images."""

    def __init__(self, array: Array) -> None:
        self._array = array

    def __len__(self) -> int:
        return len(self._array)

    def __getitem__(self, index: Any) -> Any:
        return self._array[index]

    def __array__(self, dtype: Any = None, copy: bool | None = None) -> Array:
        return np.asarray(self._array, dtype)


def _cut(tree: Tree, length: int, row: int) -> Tree:
    """Return the first `length` steps of copy `row` of arrays (steps, copies, ...), for Minari to store."""
    if isinstance(tree, Mapping):
        return {key: _cut(value, length, row) for key, value in tree.items()}
    if isinstance(tree, tuple):
        return tuple(_cut(value, length, row) for value in tree)
    array = tree[:length, row]
    return _Raw(array) if array.dtype == np.uint8 else array


def _stacked(trees: list[Tree]) -> Tree:
    """Stack trees of the same structure."""
    if isinstance(trees[0], Mapping):
        return {key: _stacked([tree[key] for tree in trees]) for key in trees[0]}
    if isinstance(trees[0], tuple):
        return tuple(_stacked(list(parts)) for parts in zip(*trees, strict=True))
    return np.stack(trees)


def _storable(tree: Tree, space: spaces.Space[Any]) -> Tree:
    """Put the channels of images (steps, copies, h, w, c) first, and give those without channels one."""
    if isinstance(space, spaces.Dict):
        return {key: _storable(tree[key], part) for key, part in space.items()}
    if isinstance(space, spaces.Tuple):
        return tuple(_storable(part, each) for part, each in zip(tree, space, strict=True))
    if not _is_image(space):
        return tree
    return np.moveaxis(tree, -1, 2) if len(space.shape or ()) == 3 else tree[:, :, None]


def _storable_space(space: spaces.Space[Any]) -> spaces.Space[Any]:
    """Return the space of what `_storable` returns.

    Raises:
        ValueError: Minari can't store it.
    """
    if isinstance(space, spaces.Dict):
        return spaces.Dict({key: _storable_space(part) for key, part in space.items()})
    if isinstance(space, spaces.Tuple):
        return spaces.Tuple([_storable_space(part) for part in space])
    if isinstance(space, spaces.Box) and _is_image(space):
        low, high = (
            np.moveaxis(edge, -1, 0) if edge.ndim == 3 else edge[None] for edge in (space.low, space.high)
        )
        return spaces.Box(low, high, dtype=np.uint8)
    if not isinstance(space, ARRAYS) or _as_jpeg(space):
        raise ValueError(f"env must have observations that Minari stores losslessly as arrays, not {space}")
    return space


def _is_image(space: spaces.Space[Any]) -> bool:
    """Return whether samples are images (h, w, c) or (h, w)."""
    shape = space.shape or ()
    return _is_large(space) and (len(shape) == 2 or shape[2] < SIDE)


def _as_jpeg(space: spaces.Space[Any]) -> bool:
    """Return whether Minari decodes what it stored as JPEGs."""
    whole_range = isinstance(space, spaces.Box) and bool((space.low == 0).all() and (space.high == 255).all())
    return whole_range and _is_large(space)


def _is_large(space: spaces.Space[Any]) -> bool:
    """Return whether samples are bytes of at least `SIDE` × `SIDE`, in two or three axes."""
    shape = space.shape or ()
    return space.dtype == np.uint8 and len(shape) in (2, 3) and min(shape[:2]) >= SIDE


def _as_images(array: Array) -> Array:
    """Return images, (n, h, w), (n, c, h, w) or (n, h, w, c), as (n, h, w, c); keep other arrays."""
    if array.dtype != np.uint8 or array.ndim not in (3, 4) or min(array.shape[-2:]) < SIDE:
        return array
    if array.ndim == 3:
        return array[..., None]
    return np.ascontiguousarray(np.moveaxis(array, 1, -1)) if array.shape[1] < SIDE else array
