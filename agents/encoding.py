"""Observations with a learner's codes in place of images."""

import copy
from collections.abc import Callable, Mapping, Sequence
from typing import Any, TypeAlias

import gymnasium as gym
import numpy as np
import torch
from gymnasium import spaces
from gymnasium.vector import VectorEnv
from gymnasium.vector.utils import batch_space
from numpy.typing import NDArray
from torch import Tensor

from unknot.checks import count
from unknot.envs.vector import VectorWrapper

from .evaluation import batch_size

__all__ = [
    "Encode",
    "EncodedObservation",
    "EncodedVectorObservation",
    "KnownImages",
    "ObservationEncoder",
    "average_pixels",
    "scaled",
]

Array: TypeAlias = NDArray[Any]
Observation: TypeAlias = Any
"""An array, or a dict of arrays."""
Encode: TypeAlias = Callable[[Any], Tensor | Array]
"""Images uint8 (n, h, w, c) to codes (n, d): the `encode` of any learner, or a function. If it takes several
entries together, it takes a dict of arrays."""

CODE = "code"
"""The entry of a Dict that holds the joint code of several others."""


class EncodedObservation(gym.ObservationWrapper[Observation, Any, Observation]):
    """An environment whose images are encoded: float32 (d,) in place of uint8 (h, w, c).

    In a Dict observation every image is encoded, and the other entries are kept.

        env = EncodedObservation(gym.make("unknot/Maze-v0", goal="image"), learner.encode)

    Args:
        env: its observation is an image, or a Dict with images.
        encode: images uint8 (n, h, w, c) to codes (n, d), a learner's `encode` for instance.
        entries: entries of a Dict that `encode` takes together, as a dict, such as a learner's `entries`; the
            entry `code` replaces them. By default each image is encoded by itself.

    Raises:
        ValueError: there is no image, an entry is missing, `encode` can't take the observations, or it does
            not return (n, d).
    """

    def __init__(self, env: gym.Env[Observation, Any], encode: Encode, entries: Sequence[str] = ()) -> None:
        super().__init__(env)
        self._codes = ObservationEncoder(encode, env.observation_space, entries)
        self.observation_space = self._codes.space

    def observation(self, observation: Observation) -> Observation:
        """Encode one observation."""
        return _unbatch(self._codes(_batch([observation])))[0]


class EncodedVectorObservation(VectorWrapper):
    """`EncodedObservation` for a vector environment: the images of all copies are encoded at once.

    Final observations, in the autoreset mode SAME_STEP, are encoded, too.

    Args:
        env: the observation of a copy is an image, or a Dict with images.
        encode: images uint8 (n, h, w, c) to codes (n, d), a learner's `encode` for instance.
        entries: entries of a Dict that `encode` takes together, as a dict, such as a learner's `entries`; the
            entry `code` replaces them. By default each image is encoded by itself.

    Raises:
        ValueError: there is no image, an entry is missing, `encode` can't take the observations, or it does
            not return (n, d).
    """

    def __init__(
        self, env: VectorEnv[Observation, Any, Any], encode: Encode, entries: Sequence[str] = ()
    ) -> None:
        super().__init__(env)
        self._codes = ObservationEncoder(encode, env.single_observation_space, entries)
        self.single_observation_space = self._codes.space
        self.observation_space = batch_space(self._codes.space, env.num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        """Begin episodes, and encode the observations."""
        observations, infos = self.env.reset(seed=seed, options=options)
        return self._codes(observations), infos

    def step(self, actions: Any) -> tuple[Observation, Any, Any, Any, dict[str, Any]]:
        """Act, and encode the observations."""
        observations, rewards, terminated, truncated, infos = self.env.step(actions)
        if "final_obs" in infos:
            ended = np.flatnonzero(infos["_final_obs"])
            codes = self._codes(_batch([infos["final_obs"][row] for row in ended]))
            final = np.full(self.num_envs, None, dtype=object)
            for row, code in zip(ended, _unbatch(codes), strict=True):
                final[row] = code
            infos = {**infos, "final_obs": final}
        return self._codes(observations), rewards, terminated, truncated, infos


class ObservationEncoder:
    """Encodes observations of a space, single ones and batches.

    Attributes:
        space: the space of one encoded observation.
    """

    def __init__(self, encode: Encode, space: spaces.Space[Any], entries: Sequence[str] = ()) -> None:
        if not callable(encode):
            raise ValueError(f"encode must be a function of images, not {encode!r}")
        if not isinstance(entries, tuple | list) or not all(isinstance(name, str) for name in entries):
            raise ValueError(f"entries must be names of entries, not {entries!r}")
        self._encode, self._entries, self._space = encode, tuple(entries), space
        parts = space.spaces if isinstance(space, spaces.Dict) else {"": space}
        self._images = [name for name, part in parts.items() if _is_image(part)]
        if not self._images or not set(entries) <= parts.keys():
            names = ", ".join(entries) or "images"
            raise ValueError(
                f"env must observe an image (uint8, h × w × c) or a Dict with {names}, not {space}"
            )
        if self._entries:
            samples = {name: _samples(parts[name]) for name in self._entries}
            rest = {name: part for name, part in parts.items() if name not in self._entries}
            parts = {**rest, CODE: self._code_space(samples)}
        else:
            for name in self._images:
                blank = np.zeros((2, *(parts[name].shape or ())), np.uint8)
                parts = {**parts, name: self._code_space(blank)}
        self.space = spaces.Dict(parts) if isinstance(space, spaces.Dict) else parts[""]

    def __call__(self, observations: Observation) -> Observation:
        """Encode an observation or a batch, in one call if all images have the same shape.

        Raises:
            ValueError: it is neither an observation of the space nor a batch of them.
        """
        if batch_size(observations, self._space) is None:
            return _unbatch(self(_batch([observations])))[0]
        if self._entries:
            taken = {name: observations[name] for name in self._entries}
            rest = {name: value for name, value in observations.items() if name not in taken}
            return {**rest, CODE: self._run(taken)}
        if not isinstance(observations, Mapping):
            return self._run(observations)
        images = [observations[name] for name in self._images]
        if len({image.shape for image in images}) == 1:
            codes = np.split(self._run(np.concatenate(images)), len(images))
        else:
            codes = [self._run(image) for image in images]
        return {**observations, **dict(zip(self._images, codes, strict=True))}

    def _code_space(self, samples: Observation) -> spaces.Box:
        """Return the space of the codes of samples of what is observed."""
        try:
            shape = self._run(samples).shape[1:]
        except RuntimeError as error:  # torch's, from layers of other sizes
            parts = samples if isinstance(samples, Mapping) else {"images": samples}
            shapes = ", ".join(f"{name} of shape {part.shape[1:]}" for name, part in parts.items())
            raise ValueError(f"encode can't take {shapes}: {error}") from error
        return spaces.Box(-np.inf, np.inf, shape, np.float32)

    @torch.no_grad()
    def _run(self, seen: Observation) -> NDArray[np.float32]:
        codes = torch.as_tensor(self._encode(seen)).numpy(force=True).astype(np.float32)
        count = len(next(iter(seen.values()))) if isinstance(seen, Mapping) else len(seen)
        if codes.ndim != 2 or len(codes) != count:
            raise ValueError(f"encode must return ({count}, d) for {count} images, not {codes.shape}")
        return codes


class KnownImages:
    """An oracle's `encode`: looks the code of an image up among images whose codes are known.

    Args:
        images: uint8 (n, h, w, c), all of them different.
        codes: (n, d), such as true factors.
    """

    def __init__(self, images: NDArray[np.uint8], codes: Array) -> None:
        self._codes = {image.tobytes(): code for image, code in zip(images, codes, strict=True)}
        self._unknown = np.full_like(codes[0], -1)

    def __call__(self, images: NDArray[np.uint8]) -> Array:
        """Return codes (m, d); -1 in all dimensions for an unknown image."""
        return np.stack([self._codes.get(image.tobytes(), self._unknown) for image in images])


def average_pixels(images: NDArray[np.uint8], side: int = 4) -> NDArray[np.float32]:
    """Return the means of squares of pixels, a vector for each image.

    Args:
        images: uint8 (n, h, w, c).
        side: of a square; it divides h and w, and is 16 at most.

    Returns:
        (n, h w c / side²), in [0, 1].
    """
    n, height, width, channels = images.shape
    count(1, side=side)
    if side > 16 or height % side or width % side:
        raise ValueError(f"side must divide {height} and {width} and be at most 16, not {side}")
    lines = images.reshape(n, height // side, side, -1).sum(2, dtype=np.uint16)
    squares = lines.reshape(n, height // side, width // side, side, channels).sum(3, dtype=np.uint16)
    means: NDArray[np.float32] = squares.reshape(n, -1) / np.float32(255 * side**2)
    return means


def scaled(encode: Encode, images: NDArray[np.uint8]) -> Encode:
    """Centre an encoder's codes and scale each by its standard deviation over images (n, h, w, c)."""
    with torch.no_grad():
        codes = torch.as_tensor(encode(images)).double()
    mean, scale = codes.mean(0), codes.std(0) + 1e-6

    def encode_scaled(images: NDArray[np.uint8]) -> Tensor:
        return (torch.as_tensor(encode(images)).double() - mean) / scale

    return encode_scaled


def _samples(space: spaces.Space[Any]) -> Array:
    """Return two samples of a space, always the same (a camera matrix of zeros would not be one)."""
    own = copy.deepcopy(space)
    own.seed(0)
    return np.stack([own.sample(), own.sample()])


def _is_image(space: spaces.Space[Any]) -> bool:
    return isinstance(space, spaces.Box) and space.dtype == np.uint8 and len(space.shape) == 3


def _batch(observations: list[Observation]) -> Observation:
    """Stack single observations."""
    if isinstance(observations[0], Mapping):
        return {key: np.stack([one[key] for one in observations]) for key in observations[0]}
    return np.stack(observations)


def _unbatch(observations: Observation) -> list[Observation]:
    """Return the observations of a batch."""
    if not isinstance(observations, Mapping):
        return list(observations)
    names, columns = observations.keys(), observations.values()
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]
