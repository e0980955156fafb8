"""Checkpoints of Stable-Baselines3's algorithms, from which training resumes: tensors and JSON."""

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from stable_baselines3.common.base_class import BaseAlgorithm
from stable_baselines3.common.off_policy_algorithm import OffPolicyAlgorithm
from torch import Tensor

from unknot.files import WeightsError, load_weights, save_weights

from .environments import Progress
from .stable_baselines import GymVecEnv

__all__ = ["CHECKPOINT", "restore", "save_checkpoint"]

CHECKPOINT = "checkpoint.safetensors"
"""The file with everything that resuming needs."""

NUMBERS = ("num_timesteps", "_n_updates", "_episode_num", "_n_calls", "exploration_rate")
"""Attributes that change in training; not every algorithm has all of them."""


def save_checkpoint(
    model: BaseAlgorithm, env: GymVecEnv, folder: Path, notes: Mapping[str, Any], *, replay: bool
) -> None:
    """Write a checkpoint, atomically.

    It holds weights, optimisers, counters, the random states of torch, NumPy and the action space, and the
    scenes of the copies with their own random states. So an algorithm whose replay buffer is kept, or that
    has none, resumes exactly where it stopped (in environments that have scenes; in others, new episodes
    begin). Logged averages over the last hundred episodes start again.

    Args:
        model: the algorithm, between two rollouts.
        env: the copies in which it learns.
        folder: the folder of the checkpoint.
        notes: JSON saved with it.
        replay: whether to keep an off-policy algorithm's replay buffer, too, in the same file, so that the
            two never disagree.
    """
    _, names = model._get_torch_save_params()
    state: dict[str, Any] = {
        "parameters": model.get_parameters(),
        "tensors": {name: _attribute(model, name) for name in names},
        "counts": {name: getattr(model, name) for name in NUMBERS if hasattr(model, name)},
        "torch": torch.get_rng_state(),
        "numpy": list(np.random.get_state()),  # noqa: NPY002  Stable-Baselines3 samples from it
        "actions": model.action_space.np_random.bit_generator.state,  # the random ones come from it
        "scenes": env.env_method("scene") if _has_scenes(env) else None,
        "starts": model._last_episode_starts,
        "rewards": progress.before if (progress := _progress(env)) else None,
        "notes": dict(notes),
    }
    if replay and isinstance(model, OffPolicyAlgorithm):
        state["replay"] = _contents(model.replay_buffer)
    _save(state, folder / CHECKPOINT, type(model).__name__)


def restore(model: BaseAlgorithm, env: GymVecEnv, folder: Path) -> dict[str, Any]:
    """Load a checkpoint into an algorithm of the same settings, and return its notes.

    An off-policy algorithm whose replay buffer was not kept begins with an empty one: it fills it with random
    actions for `learning_starts` steps, as at the start, before it continues to learn.

    Raises:
        WeightsError: the file can't be used, or is of a different algorithm or of different settings.
    """
    state = _load(folder / CHECKPOINT, type(model).__name__)
    try:
        model.set_parameters(state["parameters"], device=model.device)
    except (KeyError, ValueError, RuntimeError) as error:
        raise WeightsError(f"{folder / CHECKPOINT} does not fit these settings: {error}") from error
    for name, tensor in state["tensors"].items():
        _attribute(model, name).data.copy_(tensor)
    for name, count in state["counts"].items():
        setattr(model, name, count)
    if isinstance(model, OffPolicyAlgorithm):
        if "replay" in state:
            vars(model.replay_buffer).update(state["replay"])
        else:
            model.learning_starts += model.num_timesteps
    if state["scenes"] is not None:
        env._reset_seeds()  # seeds of a new run would override the scenes' random states
        env.set_options([{"scene": scene} for scene in state["scenes"]])
        assert model.env is not None
        model._last_obs = model.env.reset()  # type: ignore[assignment]
        model._last_episode_starts = state["starts"]
        if progress := _progress(env):
            progress.before = state["rewards"]
    torch.set_rng_state(state["torch"])
    np.random.set_state(tuple(state["numpy"]))  # noqa: NPY002
    if "actions" in state:  # a checkpoint of an earlier version has none
        model.action_space.np_random.bit_generator.state = state["actions"]
    notes: dict[str, Any] = state["notes"]
    return notes


def _has_scenes(env: GymVecEnv) -> bool:
    return hasattr(env.env.unwrapped, "scene")


def _progress(env: GymVecEnv) -> Progress | None:
    """Return the `Progress` wrapper, if there is one."""
    layer: Any = env.env
    while not isinstance(layer, Progress) and hasattr(layer, "env"):
        layer = layer.env
    return layer if isinstance(layer, Progress) else None


def _attribute(model: BaseAlgorithm, name: str) -> Any:
    """Return the attribute of a dotted name."""
    value: Any = model
    for part in name.split("."):
        value = getattr(value, part)
    return value


def _contents(buffer: Any) -> dict[str, Any]:
    """Return the contents of a replay buffer: its arrays, by name or in dicts, and the next position."""
    return {name: value for name, value in vars(buffer).items() if name in ("pos", "full") or _is_data(value)}


def _is_data(value: Any) -> bool:
    parts = value.values() if isinstance(value, dict) else [value]
    return all(isinstance(part, np.ndarray) and part.dtype != object for part in parts)


# Trees of tensors as files


def _save(tree: Mapping[str, Any], path: Path, kind: str) -> None:
    found: dict[str, NDArray[Any]] = {}
    save_weights(path, found, kind, {"tree": _pack(dict(tree), "", found)})


def _load(path: Path, kind: str) -> dict[str, Any]:
    found, header = load_weights(path, kind)
    if "tree" not in header.settings:
        raise WeightsError(f"{path} is not a checkpoint")
    tree: dict[str, Any] = _unpack(header.settings["tree"], found)
    return tree


def _pack(value: Any, path: str, found: dict[str, NDArray[Any]]) -> dict[str, Any]:
    """Turn a tree into JSON; its tensors and arrays go into `found`, by their paths in the tree."""
    if isinstance(value, Tensor):
        found[path] = value.detach().cpu().numpy()
        return {"tensor": path}
    if isinstance(value, np.ndarray):
        found[path] = value
        return {"array": path}
    if isinstance(value, Mapping):
        return {"items": [[key, _pack(item, f"{path}/{key}", found)] for key, item in value.items()]}
    if isinstance(value, list | tuple):
        kind = "tuple" if isinstance(value, tuple) else "list"
        return {kind: [_pack(item, f"{path}/{k}", found) for k, item in enumerate(value)]}
    return {"value": value}


def _unpack(packed: Mapping[str, Any], found: Mapping[str, NDArray[Any]]) -> Any:
    """Turn JSON and arrays back into the tree."""
    ((kind, value),) = packed.items()
    if kind == "tensor":
        return torch.from_numpy(found[value].copy())
    if kind == "array":
        return found[value].copy()
    if kind == "items":
        return {key: _unpack(item, found) for key, item in value}
    if kind in ("list", "tuple"):
        return (tuple if kind == "tuple" else list)(_unpack(item, found) for item in value)
    return value
