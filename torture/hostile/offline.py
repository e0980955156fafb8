"""Minari datasets: damaged files, and content that isn't of the dataset's spaces."""

import io
import os
import warnings
from collections.abc import Callable, Iterable
from contextlib import redirect_stderr
from functools import partial
from pathlib import Path
from typing import Any

import gymnasium as gym
import h5py
import minari
import numpy as np
from minari.data_collector import EpisodeBuffer

from torture.hostile.case import Case
from unknot.agents import transitions
from unknot.agents.offline import DATA

IMAGES = np.random.default_rng(0).integers(0, 256, (4, 3, 40, 40), np.uint8)
ACTIONS = np.array([0, 1, 1])
NAME = "a-v0"

Edit = Callable[[Any], object]


def cases() -> Iterable[Case]:
    """Return the cases."""
    changes: dict[str, Callable[[bytes], bytes]] = {
        "no bytes": lambda whole: b"",
        "text": lambda whole: b"episodes",
        "half of it": lambda whole: whole[: len(whole) // 2],
        "all zeros but the head": lambda whole: whole[:512] + bytes(len(whole) - 512),
    }
    for name, change in changes.items():
        yield Case(f"episodes: {name}", partial(_damage, change=change), _read)
    edits: dict[str, Edit] = {
        "no episode": lambda file: file.pop("episode_0"),
        "no observations": lambda file: file.pop("episode_0/observations"),
        "no actions": lambda file: file.pop("episode_0/actions"),
        "no rewards": lambda file: file.pop("episode_0/rewards"),
        "an observation less": partial(_replace, name="observations", value=IMAGES[:-1]),
        "an action more": partial(_replace, name="actions", value=np.zeros(4, int)),
        "images of other pixels": partial(_replace, name="observations", value=IMAGES[:, :, :20]),
        "images of floats": partial(_replace, name="observations", value=IMAGES / 255),
        "channels last": partial(_replace, name="observations", value=np.moveaxis(IMAGES, 1, -1)),
        "text for actions": partial(_replace, name="actions", value=[b"left"] * 3),
        "actions of two numbers": partial(_replace, name="actions", value=np.zeros((3, 2), int)),
        "one number for all observations": partial(_replace, name="observations", value=np.uint8(1)),
    }
    for name, edit in edits.items():
        yield Case(f"an episode with {name}", partial(_edit, edit=edit), _read)
    cells = np.random.default_rng(0).integers(0, 256, (4, 7, 7, 20), np.uint8)
    foreign: dict[str, tuple[Any, gym.Space[Any], bool]] = {
        "small images as JPEG": (cells[..., :3], _bytes(7, 7, 3), True),
        "vectors as JPEG": (np.zeros((4, 128), np.uint8), _bytes(128), True),
        "a grid as JPEG": (cells[..., 0], _bytes(7, 7), True),
        "tuples": ((np.zeros((4, 2)), np.zeros((4, 3))), gym.spaces.Tuple([_numbers(2), _numbers(3)]), True),
        "text": (["a", "b", "c", "d"], gym.spaces.Text(3), True),
        "another entry": ({"camera": np.zeros((4, 2))}, gym.spaces.Dict({"camera": _numbers(2)}), True),
        "a tuple in a dict": (
            {"observation": (np.zeros((4, 2)),)},
            gym.spaces.Dict({"observation": gym.spaces.Tuple([_numbers(2)])}),
            True,
        ),
        "40 channels": (np.zeros((4, 64, 64, 40), np.uint8), _bytes(64, 64, 40), True),
        "20 channels": (cells, _bytes(7, 7, 20), False),
        "vectors": (np.arange(8.0).reshape(4, 2), _numbers(2), False),
        "numbers": (np.arange(4), gym.spaces.Discrete(4), False),
        "images of four channels": (np.zeros((4, 40, 40, 5), np.uint8), _bytes(40, 40, 5), True),
    }
    for name, (values, space, refused) in foreign.items():
        make = partial(_write, observations=values, space=space)
        yield Case(f"observations: {name}", make, partial(_check, expected=values, refused=refused), refused)
    yield Case("images, channels first", _write, _check_images, False)


def _bytes(*shape: int) -> gym.spaces.Box:
    return gym.spaces.Box(0, 255, shape, np.uint8)


def _numbers(size: int) -> gym.spaces.Box:
    return gym.spaces.Box(-10, 10, (size,), np.float64)


def _load(path: Path) -> minari.MinariDataset:
    os.environ["MINARI_DATASETS_PATH"] = str(path.parent)
    return minari.load_dataset(NAME)


def _read(path: Path) -> dict[str, Any]:
    return transitions(_load(path))


def _check(path: Path, expected: Any, refused: bool) -> None:
    found = _read(path)
    assert not refused
    assert np.array_equal(found["observation"], expected[:-1])
    assert np.array_equal(found["next_observation"], expected[1:])
    assert np.array_equal(found["action"], ACTIONS)


def _check_images(path: Path) -> None:
    _check(path, np.moveaxis(IMAGES, 1, -1), False)


def _write(folder: Path, observations: Any = IMAGES, space: gym.Space[Any] | None = None) -> Path:
    os.environ["MINARI_DATASETS_PATH"] = str(folder)
    ends = np.array([False, False, True])
    episode = EpisodeBuffer(
        observations=observations,
        actions=ACTIONS,
        rewards=np.zeros(3),
        terminations=ends,
        truncations=np.zeros(3, bool),
    )
    with warnings.catch_warnings(), redirect_stderr(io.StringIO()):
        warnings.simplefilter("ignore")
        minari.create_dataset_from_buffers(
            NAME,
            [episode],
            action_space=gym.spaces.Discrete(2),
            observation_space=space or _bytes(3, 40, 40),
            data_format="hdf5",
        )
    return folder / NAME


def _damage(folder: Path, change: Callable[[bytes], bytes]) -> Path:
    path = _write(folder)
    file = path / "data" / DATA
    file.write_bytes(change(file.read_bytes()))
    return path


def _edit(folder: Path, edit: Edit) -> Path:
    path = _write(folder)
    with h5py.File(path / "data" / DATA, "a") as file:
        edit(file)
    return path


def _replace(file: Any, name: str, value: Any) -> None:
    del file[f"episode_0/{name}"]
    file[f"episode_0/{name}"] = value
