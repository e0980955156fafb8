"""Hyperparameters of Stable-Baselines3's algorithms, as data, by algorithm and by environment."""

import inspect
from collections.abc import Mapping
from importlib import import_module
from typing import Any

from gymnasium import spaces

from unknot.checks import finite, one_of, require

__all__ = ["ALGORITHMS", "REWARDS", "algorithm_class", "check_fit", "hyperparameters_for", "is_off_policy"]

ALGORITHMS: dict[str, tuple[type[spaces.Space[Any]], ...]] = {
    "A2C": (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
    "DQN": (spaces.Discrete,),
    "PPO": (spaces.Box, spaces.Discrete, spaces.MultiDiscrete, spaces.MultiBinary),
    "SAC": (spaces.Box,),
    "TD3": (spaces.Box,),
}
"""Algorithm to the action spaces it takes."""
ON_POLICY = ("A2C", "PPO")

REWARDS: dict[str, dict[str, Any]] = {
    "unknot/GraspReach-v0": {"reward": "dense", "terminate_on_success": True},
    "unknot/Maze-v0": {"reward": "dense"},
    "unknot/MnistGrid-v0": {"reward": "dense"},
    "unknot/Planar-v0": {"reward": "dense", "terminate_on_success": True},
}
"""Options of an environment while agents learn in it, unless the user sets others; evaluations ignore them.
The dense reward becomes progress (`Progress`). Where success means being at the goal at the end, as on
grids, episodes continue after it is reached, so that agents learn to stay."""

EVERY: dict[str, dict[str, Any]] = {
    "A2C": {"num_envs": 32, "n_steps": 16, "learning_rate": 5e-4, "gamma": 0.9, "ent_coef": 0.01},
    "DQN": {
        "num_envs": 8,
        "buffer_size": 20_000,
        "learning_starts": 1000,
        "batch_size": 128,
        "gamma": 0.9,
        "learning_rate": 5e-4,
        "train_freq": 1,
        "gradient_steps": 2,
        "target_update_interval": 500,
        "exploration_fraction": 0.3,
    },
    "PPO": {
        "num_envs": 64,
        "n_steps": 64,
        "batch_size": 1024,
        "n_epochs": 4,
        "learning_rate": 5e-4,
        "gamma": 0.9,
        "gae_lambda": 0.9,
        "ent_coef": 0.0,
    },
    "SAC": {
        "num_envs": 8,
        "buffer_size": 20_000,
        "learning_starts": 1000,
        "batch_size": 256,
        "gamma": 0.9,
        "learning_rate": 5e-4,
        "train_freq": 1,
        "gradient_steps": 1,
    },
    "TD3": {
        "num_envs": 8,
        "buffer_size": 20_000,
        "learning_starts": 1000,
        "batch_size": 256,
        "gamma": 0.9,
        "learning_rate": 5e-4,
        "train_freq": 1,
        "gradient_steps": 1,
        "noise": 0.3,
    },
}
"""By algorithm; all others keep Stable-Baselines3's defaults. `num_envs` and `noise` are ours: the latter is
the standard deviation of the normal noise that TD3 adds to actions, in units of half the actions' range."""

PIXELS: dict[str, dict[str, Any]] = {
    "unknot/Maze-v0": {"square": 8, "channels": 24, "depth": 6, "maps": 8},
    "unknot/MnistGrid-v0": {"channels": 48, "width": 256},
    "unknot/Planar-v0": {"square": 4, "channels": 16, "depth": 1},
}
"""By environment, the arguments of `PixelExtractor`, for every algorithm."""

OURS = ("channels", "depth", "log_std_init", "maps", "noise", "num_envs", "square", "width")
"""Hyperparameters that Stable-Baselines3's algorithms don't take: see `EVERY` and `PixelExtractor`. Policies
of continuous actions take `log_std_init`, the logarithm of their initial standard deviation."""

STEPWISE = {"num_envs": 256, "n_steps": 16, "batch_size": 512, "gamma": 0.0, "vf_coef": 0.05}
"""PPO's on grids, where progress rewards each right step. With a higher weight, the gradients of the value
function dominate the shared features; with less entropy, policies settle on "straight to the goal"."""

SPECIAL: dict[tuple[str, str], dict[str, Any]] = {
    ("PPO", "unknot/GraspReach-v0"): {"num_envs": 16},  # a copy takes 30 MB
    ("PPO", "unknot/Maze-v0"): {**STEPWISE, "ent_coef": 0.05},
    ("PPO", "unknot/MnistGrid-v0"): {**STEPWISE, "ent_coef": 0.02, "learning_rate": 1e-3},
    ("PPO", "unknot/Planar-v0"): {"num_envs": 128},
}
"""By algorithm and environment, the hyperparameters that differ there."""


RESERVED = {"_init_setup_model", "device", "env", "policy", "seed", "tensorboard_log", "verbose"}
"""Arguments of those classes that are not hyperparameters."""


def is_off_policy(algorithm: str) -> bool:
    """Return whether an algorithm has a replay buffer."""
    return algorithm not in ON_POLICY


def algorithm_class(algorithm: str) -> Any:
    """Return Stable-Baselines3's class.

    Raises:
        ValueError: an unknown name; the sentence gives near matches.
        ModuleNotFoundError: Stable-Baselines3 is not installed.
    """
    one_of("algorithm", algorithm, ALGORITHMS)
    require("agents", "stable_baselines3")
    return getattr(import_module("stable_baselines3"), algorithm)


def check_fit(algorithm: str, space: spaces.Space[Any]) -> None:
    """Refuse an action space that an algorithm can't act in.

    Raises:
        ValueError: the algorithm can't; the sentence names those that can.
    """
    if not isinstance(space, ALGORITHMS[algorithm]):
        fitting = [name for name, kinds in ALGORITHMS.items() if isinstance(space, kinds)]
        kinds = " or ".join(kind.__name__ for kind in ALGORITHMS[algorithm])
        raise ValueError(
            f"{algorithm} acts in {kinds}, but this environment's action space is {space}; "
            f"{', '.join(fitting) or 'no algorithm'} can act there"
        )


def hyperparameters_for(algorithm: str, environment: str, changes: Mapping[str, Any]) -> dict[str, Any]:
    """Return the hyperparameters of an algorithm in an environment.

    Args:
        algorithm: a name in `ALGORITHMS`.
        environment: its id; one without a row gets the algorithm's own.
        changes: hyperparameters that the user sets.

    Raises:
        ValueError: `changes` has a name that is no hyperparameter of the algorithm, or something else in the
            place of a number.
    """
    chosen = EVERY[algorithm] | SPECIAL.get((algorithm, environment), {}) | PIXELS.get(environment, {})
    parameters = inspect.signature(algorithm_class(algorithm)).parameters
    usual = {name: each.default for name, each in parameters.items()}
    known = {*usual, *OURS} - RESERVED
    for name, value in changes.items():
        one_of(f"hyperparameter of {algorithm}", name, known)
        number = (usual | chosen).get(name)
        if isinstance(number, int | float) and not isinstance(number, bool) and name != "train_freq":
            finite(**{name: value})
    return {**chosen, **changes}
