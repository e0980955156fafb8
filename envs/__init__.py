"""Environments whose factors of variation are known, for Gymnasium, single and vectorised.

What lives here needs numpy and gymnasium alone. A world is array code over a batch (`Simulation`); the
environments are made from it. How agents act in them, and what they learn, is elsewhere.
"""

from .planar import Planar, PlanarEnv, PlanarVectorEnv
from .planar_maps import MAPS, PlanarMap
from .planar_world import APPEARANCES, COLLISIONS, Appearance, PlanarWorld, find_map
from .registration import ENVIRONMENTS
from .simulation import Simulation, SimulationEnv
from .vector import SimulationVectorEnv

__all__ = [
    "APPEARANCES",
    "COLLISIONS",
    "ENVIRONMENTS",
    "MAPS",
    "Appearance",
    "Planar",
    "PlanarEnv",
    "PlanarMap",
    "PlanarVectorEnv",
    "PlanarWorld",
    "Simulation",
    "SimulationEnv",
    "SimulationVectorEnv",
    "find_map",
]
