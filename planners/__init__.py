"""Planners: given a dynamics and a cost, they find actions.

`ILQR` follows derivatives, `CEM` and `MPPI` sample; `RecedingHorizon` acts with any and replans on the way.
`Roadmap` finds paths through known states, where these would miss a detour. `BreadthFirst` and `Greedy`
search over a finite set of moves. All of these take batches of problems and report how each ended. `PoseCEM`
and `DirectionSearch` look for a single pose in SE(3), by a score. Planners do not know what states mean,
where a dynamics comes from or who acts.
"""

from unknot.checks import require

require("learn", "torch", "scipy")

from unknot.planners.base import Cost, Dynamics, Limits, Plan, Planner, Status  # noqa: E402
from unknot.planners.cem import CEM  # noqa: E402
from unknot.planners.costs import QuadraticCost, RowCost  # noqa: E402
from unknot.planners.derivatives import Linearizable  # noqa: E402
from unknot.planners.ilqr import ILQR  # noqa: E402
from unknot.planners.mpc import Memory, RecedingHorizon  # noqa: E402
from unknot.planners.mppi import MPPI  # noqa: E402
from unknot.planners.pose_search import DirectionSearch, PoseCEM, PosePath  # noqa: E402
from unknot.planners.roadmap import Paths, Roadmap  # noqa: E402
from unknot.planners.search import Arrival, BreadthFirst, Greedy  # noqa: E402

__all__ = [
    "CEM",
    "ILQR",
    "MPPI",
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
