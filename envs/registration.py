"""The environments by id, a row each."""

from typing import NamedTuple

import gymnasium as gym


class Row(NamedTuple):
    """Where an environment is; the first line of its docstring says what it is."""

    module: str
    env: str
    vector_env: str


ENVIRONMENTS = {
    "unknot/Grasp-v0": Row("unknot.envs.grasp.env", "GraspEnv", "GraspVectorEnv"),
    "unknot/GraspReach-v0": Row("unknot.envs.grasp.reach", "GraspReachEnv", "GraspReachVectorEnv"),
    "unknot/Maze-v0": Row("unknot.envs.maze", "MazeEnv", "MazeVectorEnv"),
    "unknot/Planar-v0": Row("unknot.envs.planar", "PlanarEnv", "PlanarVectorEnv"),
    "unknot/MnistGrid-v0": Row("unknot.envs.mnist_grid", "MnistGridEnv", "MnistGridVectorEnv"),
}


def register() -> None:
    """Tell Gymnasium of all environments."""
    for name, row in ENVIRONMENTS.items():
        gym.register(
            name,
            entry_point=f"{row.module}:{row.env}",
            vector_entry_point=f"{row.module}:{row.vector_env}",
        )
