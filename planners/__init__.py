"""Planners: they see a dynamics and a cost, and find actions.

`ILQR` follows derivatives, `CEM` samples, `RecedingHorizon` plans again as it goes with either, and
`Roadmap` finds the way among known states where neither would. Where moves are few, `BreadthFirst` and
`Greedy` search over them. All of these take batches of problems and tell for each how it ended. `PoseCEM` and
`DirectionSearch` look for a single pose in SE(3), by a score. What the states mean, where a dynamics comes
from and who acts is not known here.
"""

from unknot.checks import require

require("learn", "torch", "scipy")

from unknot.planners.base import Cost, Dynamics, Limits, Plan, Planner, Status  # noqa: E402
from unknot.planners.cem import CEM  # noqa: E402
from unknot.planners.costs import QuadraticCost, RowCost  # noqa: E402
from unknot.planners.derivatives import Linearizable  # noqa: E402
from unknot.planners.ilqr import ILQR  # noqa: E402
from unknot.planners.mpc import Memory, RecedingHorizon  # noqa: E402
from unknot.planners.pose_search import DirectionSearch, PoseCEM, PosePath  # noqa: E402
from unknot.planners.roadmap import Paths, Roadmap  # noqa: E402
from unknot.planners.search import Arrival, BreadthFirst, Greedy  # noqa: E402

__all__ = [
    "CEM",
    "ILQR",
    "Arrival",
    "BreadthFirst",
    "Cost",
    "DirectionSearch",
    "Dynamics",
    "Greedy",
    "Limits",
    "Linearizable",
    "Memory",
    "Paths",
    "Plan",
    "Planner",
    "PoseCEM",
    "PosePath",
    "QuadraticCost",
    "RecedingHorizon",
    "Roadmap",
    "RowCost",
    "Status",
]
