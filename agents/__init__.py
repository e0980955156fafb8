"""Agents that act in environments, and their evaluation.

Every agent has Stable-Baselines3's `predict`, so that `evaluate_agent`, Stable-Baselines3's `evaluate_policy`
and a user's loop take any of them. This package holds the experts (trivial baselines and oracles),
evaluation, agents that plan with learners, and the adapters between environments, learners and
Stable-Baselines3. Learners and planners have packages of their own.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

from unknot.checks import require

from .evaluation import Agent, Evaluation, evaluate_agent
from .experts import GridExpert, RandomAgent, ShakenLineExpert, StraightLineExpert
from .intervals import success_interval, wilson_interval

if TYPE_CHECKING:
    from .encoding import EncodedObservation, EncodedVectorObservation
    from .grasp_experts import GraspExpert, ReachExpert
    from .grasping import GraspAgent, ReachAgent
    from .narrow_side import NarrowSideAgent
    from .offline import record, transitions
    from .planar_expert import ILQRExpert
    from .planning import PlanningAgent
    from .stable_baselines import GymVecEnv

__all__ = [
    "Agent",
    "EncodedObservation",
    "EncodedVectorObservation",
    "Evaluation",
    "GraspAgent",
    "GraspExpert",
    "GridExpert",
    "GymVecEnv",
    "ILQRExpert",
    "NarrowSideAgent",
    "PlanningAgent",
    "RandomAgent",
    "ReachAgent",
    "ReachExpert",
    "ShakenLineExpert",
    "StraightLineExpert",
    "evaluate_agent",
    "record",
    "success_interval",
    "transitions",
    "wilson_interval",
]


LATE = {
    "EncodedObservation": ("learn", "torch", ".encoding"),
    "EncodedVectorObservation": ("learn", "torch", ".encoding"),
    "GraspAgent": ("learn", "torch", ".grasping"),
    "GraspExpert": ("grasp", "pybullet", ".grasp_experts"),
    "GymVecEnv": ("agents", "stable_baselines3", ".stable_baselines"),
    "ILQRExpert": ("learn", "torch", ".planar_expert"),
    "NarrowSideAgent": ("grasp", "pybullet", ".narrow_side"),
    "PlanningAgent": ("learn", "torch", ".planning"),
    "ReachAgent": ("learn", "torch", ".grasping"),
    "ReachExpert": ("grasp", "pybullet", ".grasp_experts"),
    "record": ("agents", "minari", ".offline"),
    "transitions": ("agents", "minari", ".offline"),
}
"""Lazily imported names: the extra that each needs, a package of that extra, and the name's module."""


def __getattr__(name: str) -> Any:
    """Import a name of `LATE`."""
    if name not in LATE:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    extra, needed, module = LATE[name]
    require(extra, needed)
    return getattr(import_module(module, __name__), name)
