"""The table of environments, and their registration with Gymnasium."""

from collections.abc import Mapping
from typing import NamedTuple

import gymnasium as gym


class EnvironmentRow(NamedTuple):
    """Where an environment's classes are; the first line of the docstring of `env` is its summary."""

    module: str
    env: str
    vector_env: str


ENVIRONMENTS = {
    "unknot/Grasp-v0": EnvironmentRow("unknot.envs.grasp.env", "GraspEnv", "GraspVectorEnv"),
    "unknot/GraspReach-v0": EnvironmentRow("unknot.envs.grasp.reach", "GraspReachEnv", "GraspReachVectorEnv"),
    "unknot/Maze-v0": EnvironmentRow("unknot.envs.maze", "MazeEnv", "MazeVectorEnv"),
    "unknot/Planar-v0": EnvironmentRow("unknot.envs.planar", "PlanarEnv", "PlanarVectorEnv"),
    "unknot/MnistGrid-v0": EnvironmentRow("unknot.envs.mnist_grid", "MnistGridEnv", "MnistGridVectorEnv"),
}
"""The environments of unknot by id."""


def register(environments: Mapping[str, EnvironmentRow] = ENVIRONMENTS) -> None:
    """Register environments with Gymnasium, your own as well; no module is imported.

    Args:
        environments: rows by id, such as "mine/Token-v0".

    Example:
        >>> register({"mine/Token-v0": EnvironmentRow("mine.token", "TokenEnv", "TokenVectorEnv")})
        >>> gym.make_vec("mine/Token-v0", num_envs=64)
    """
    for name, row in environments.items():
        gym.register(
            name,
            entry_point=f"{row.module}:{row.env}",
            vector_entry_point=f"{row.module}:{row.vector_env}",
        )
