"""Environments whose factors of variation are known, for Gymnasium, single and vectorised.

What lives here needs numpy and gymnasium alone. A world is array code over a batch (`Simulation`); the
environments are made from it. How agents act in them, and what they learn, is elsewhere.
"""

from .factor_observation import FactorObservation, FactorVectorObservation
from .goal_conditioned import GoalConditioned, GoalConditionedVector
from .maze import Maze, MazeEnv, MazeVectorEnv
from .maze_world import (
    ACTIONS,
    BLOCK,
    FREE,
    SWITCH,
    WATER,
    is_free,
    move,
    read_layout,
    shortest_paths,
    write_layout,
)
from .mnist_grid import MnistGrid, MnistGridEnv, MnistGridVectorEnv
from .planar import Planar, PlanarEnv, PlanarVectorEnv
from .planar_maps import MAPS, PlanarMap
from .planar_world import APPEARANCES, COLLISIONS, Appearance, PlanarWorld, find_map
from .registration import ENVIRONMENTS
from .simulation import Simulation, SimulationEnv
from .vector import SimulationVectorEnv

__all__ = [
    "ACTIONS",
    "APPEARANCES",
    "BLOCK",
    "COLLISIONS",
    "ENVIRONMENTS",
    "FREE",
    "MAPS",
    "SWITCH",
    "WATER",
    "Appearance",
    "FactorObservation",
    "FactorVectorObservation",
    "GoalConditioned",
    "GoalConditionedVector",
    "Maze",
    "MazeEnv",
    "MazeVectorEnv",
    "MnistGrid",
    "MnistGridEnv",
    "MnistGridVectorEnv",
    "Planar",
    "PlanarEnv",
    "PlanarMap",
    "PlanarVectorEnv",
    "PlanarWorld",
    "Simulation",
    "SimulationEnv",
    "SimulationVectorEnv",
    "find_map",
    "is_free",
    "move",
    "read_layout",
    "shortest_paths",
    "write_layout",
]
