"""The tasks, the agents that learn in each, and what was learnt about each without reward."""

from dataclasses import dataclass, field
from typing import Any

from unknot.agents.few_walks import FewWalks
from unknot.envs.maze_world import STEPS


@dataclass(frozen=True)
class Task:
    """A task, the agents that learn in it, and what was learnt about it without reward."""

    environment: str
    options: dict[str, Any] = field(default_factory=dict)
    learners: tuple[str, ...] = ()
    """Which of `LEARNERS` are trained."""
    encoder: str | None = None
    """The weights whose codes are observed."""
    encoder_steps: int = 0
    """Environment steps that the encoder was trained on."""
    planner: str | FewWalks | None = None
    """What the planning agent plans with: weights that ship, or what is learnt for each seed."""
    planner_steps: int = 0
    """Environment steps that the shipped planner was trained on."""
    line: bool = False
    """Whether a straight line to the goal is measured, too."""
    notes: tuple[str, ...] = ()
    """What its table says beside the numbers."""
    most_steps: int | None = None
    """The most environment steps of an agent, where the simulation is slow; None for the settings'."""


MAZE = {
    "goal": "image",
    "actions": STEPS,
    "terminate_on_success": True,
    "max_steps": 30,
}
MAZE_CODES: dict[str, Any] = {
    "encoder": "pretrained/controllable-factors/planning/reach/learner",
    "encoder_steps": 16_384,  # 16 walks of 16 steps in each of 64 mazes
}
GRASP_STEPS = 81_000 + 640 * 24 + 2_843
"""Grasps that were simulated at the 640 placements that the net learnt from: perturbed demonstrations, 24
strays a placement, and the candidates that demonstrations were chosen from."""
GRASPS: dict[str, Any] = {
    "encoder": "pretrained/grasping/geometry",
    "encoder_steps": GRASP_STEPS,
    "planner": "pretrained/grasping",
    "planner_steps": GRASP_STEPS,
    "notes": (
        "Steps before: simulated grasps, about 81,000 perturbed demonstrations, 15,360 strays and 2,843 "
        "candidates for demonstrations, which a sampler proposed that knows the mesh. Perturbations that "
        "began in a collision were turned down without a simulation and are not counted; PPO's grasps that "
        "begin so are.",
    ),
}
TASKS = {
    "planar": Task(
        "unknot/Planar-v0",
        learners=("pixels", "factors", "codes", "tuned", "SAC", "SAC-pixels"),
        encoder="pretrained/dynamics-content/published",
        encoder_steps=10_000,  # 8,000 transitions, 2,000 images of the other set
        planner="pretrained/dynamics-content",
        planner_steps=10_000,
        line=True,
        notes=(
            "Steps before are not like steps of PPO: they are 8,000 moves, each from its own place, "
            "sampled uniformly from the free region, where the simulator puts the agent, and 2,000 images. "
            "PPO begins each episode in a corner and has to walk wherever it wants to learn.",
            "Shaken loose: after an action that moved nothing, the straight line, which knows the true "
            "positions, adds noise to the next one, as the planning agent does. The corners of this task "
            "need no more.",
        ),
    ),
    "maze": Task(
        "unknot/Maze-v0",
        {"layout": "open", **MAZE},
        learners=("pixels", "factors", "codes", "tuned"),
        **MAZE_CODES,
        planner=FewWalks("unknot/Maze-v0", {"layout": "open", "actions": STEPS}, walks=1, moves=300),
    ),
    "mazes": Task(
        "unknot/Maze-v0",
        MAZE,
        learners=("pixels", "factors", "codes", "tuned"),
        **MAZE_CODES,
        planner=FewWalks("unknot/Maze-v0", {"actions": STEPS}, walks=8),
    ),
    "digits": Task(
        "unknot/MnistGrid-v0",
        {"pixels": 40, "terminate_on_success": True},
        learners=("pixels", "factors", "codes", "tuned"),
        encoder="pretrained/controllable-factors/digits/selectivity",
        encoder_steps=320_000,  # 2,500 batches of 128 transitions
        planner=FewWalks("unknot/MnistGrid-v0", {"pixels": 40}, walks=48, steps=4000, moves=0),
    ),
    "grasp": Task(
        "unknot/Grasp-v0",
        {"normalize_actions": True},
        learners=("pixels", "factors", "codes"),
        **GRASPS,
        most_steps=5_000,
    ),
    "grasp-reach": Task(
        "unknot/GraspReach-v0",
        {"normalize_actions": True, "terminate_on_success": True},
        learners=("pixels", "factors", "codes"),
        **GRASPS,
        most_steps=30_000,
    ),
}
LEARNERS = {
    "pixels": ("PPO", "pixels", "PPO, pixels"),
    "factors": ("PPO", "factors", "PPO, true factors"),
    "codes": ("PPO", "codes", "PPO, learnt codes"),
    "tuned": ("PPO", "tuned", "PPO, learnt codes, tuned"),
    "SAC": ("SAC", "factors", "SAC, true factors"),
    "SAC-pixels": ("SAC", "pixels", "SAC, pixels"),
}
"""Algorithm, what it sees, and its name in the table. An encoder of tuned codes goes on learning."""
FLOORS = {"random": "random actions (floor)", "line": "straight line, shaken loose (floor)"}
OTHERS = {**FLOORS, "expert": "expert (ceiling)", "planning": "planning agent"}
LABELS = {**OTHERS, **{row: label for row, (_, _, label) in LEARNERS.items()}}


def differs(task: Task, row: str) -> bool:
    """Return whether a row differs from seed to seed."""
    return row in LEARNERS or (row == "planning" and isinstance(task.planner, FewWalks))
