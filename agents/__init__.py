"""Agents that act in environments, and the measure of how well they do.

Every agent has Stable-Baselines3's `predict`, so that `evaluate_agent`, Stable-Baselines3's own
`evaluate_policy` and a user's loop take any of them. Here live the experts that bound what can be achieved,
evaluation, and agents that plan in what was learnt; learners and planners themselves live elsewhere.
"""

from typing import TYPE_CHECKING, Any

from unknot.files import require

from .evaluation import Agent, Evaluation, evaluate_agent, wilson_interval
from .experts import GridExpert, RandomAgent, StraightLineExpert

if TYPE_CHECKING:
    from .planning import PlanningAgent

__all__ = [
    "Agent",
    "Evaluation",
    "GridExpert",
    "PlanningAgent",
    "RandomAgent",
    "StraightLineExpert",
    "evaluate_agent",
    "wilson_interval",
]


def __getattr__(name: str) -> Any:
    """Bring PlanningAgent, and with it torch, once it is asked for."""
    if name == "PlanningAgent":
        require("learn", "torch")
        from .planning import PlanningAgent

        return PlanningAgent
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
