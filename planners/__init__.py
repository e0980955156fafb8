"""Planners: they see a dynamics and a cost, and find actions.

`ILQR` follows derivatives, `CEM` samples, `RecedingHorizon` plans again as it goes with either, and
`Roadmap` finds the way among known states where neither would. All take batches of problems and tell for
each how it ended. What the states mean, where a dynamics comes from and who acts is not known here.
"""

from unknot.planners.base import Cost, Dynamics, Limits, Plan, Planner, Status
from unknot.planners.cem import CEM
from unknot.planners.costs import QuadraticCost, RowCost
from unknot.planners.derivatives import Linearizable
from unknot.planners.ilqr import ILQR
from unknot.planners.mpc import Memory, RecedingHorizon
from unknot.planners.roadmap import Paths, Roadmap

__all__ = [
    "CEM",
    "ILQR",
    "Cost",
    "Dynamics",
    "Limits",
    "Linearizable",
    "Memory",
    "Paths",
    "Plan",
    "Planner",
    "QuadraticCost",
    "RecedingHorizon",
    "Roadmap",
    "RowCost",
    "Status",
]
