from .factor_observation import FactorObservation, FactorVectorObservation
from .flat_info import FlatInfo, FlatVectorInfo
from .goal_conditioned import GoalConditioned, GoalConditionedVector
from .maze import Maze, MazeEnv, MazeVectorEnv
from .maze_world import (
    ACTIONS,
    BLOCK,
    FREE,
    STEPS,
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
from .planar_frames import APPEARANCES, Appearance
from .planar_maps import MAPS, PlanarMap
from .planar_world import COLLISIONS, PlanarWorld, find_map
from .registration import ENVIRONMENTS, EnvironmentRow, register
from .simulation import Simulation
from .single import SimulationEnv
from .vector import SimulationVectorEnv
from .world_model import WorldModelEnv

__all__ = [
    "ACTIONS",
    "APPEARANCES",
    "BLOCK",
    "COLLISIONS",
    "ENVIRONMENTS",
    "FREE",
    "MAPS",
    "STEPS",
    "SWITCH",
    "WATER",
    "Appearance",
    "EnvironmentRow",
    "FactorObservation",
    "FactorVectorObservation",
    "FlatInfo",
    "FlatVectorInfo",
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
    "WorldModelEnv",
    "find_map",
    "is_free",
    "move",
    "read_layout",
    "register",
    "shortest_paths",
    "write_layout",
]
