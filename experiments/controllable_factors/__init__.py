"""Independently controllable factors, found by acting in grid worlds.

Thomas, Bengio, Fedus, Pondard, Beaudoin, Larochelle, Pineau, Precup and Bengio, 2017. Its parts, each by
itself with `--part NAME`:

- `maze` (section 4.1): four directed factors of a maze's agent, read off a latent plane;
- `digits` (appendix B.1): the positions of two handwritten digits, without an autoencoder;
- `multistep` (section 4.2): embeddings of policies of three steps, and where they lead;
- `planning` (appendix B.2 and B.3): from a start image to a goal image in mazes that training has not seen;
- `reinforcement`: how much the representation helps an agent that learns from reward.
"""

from dataclasses import dataclass, field
from typing import Literal

from unknot.checks import settings_at_least
from unknot.experiments.common.parts import Parts
from unknot.experiments.controllable_factors import digits, maze, multistep, planning, reinforcement
from unknot.experiments.controllable_factors.digits import Settings as DigitsSettings
from unknot.experiments.controllable_factors.maze import Settings as MazeSettings
from unknot.experiments.controllable_factors.multistep import Settings as MultistepSettings
from unknot.experiments.controllable_factors.planning import Settings as PlanningSettings
from unknot.experiments.controllable_factors.reinforcement import Settings as ReinforcementSettings

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

PARTS = Parts(maze=maze, digits=digits, multistep=multistep, planning=planning, reinforcement=reinforcement)


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment: which part, and those of each part."""

    part: Literal["all", "maze", "digits", "multistep", "planning", "reinforcement"] = "all"
    """The part to run."""
    maze: MazeSettings = field(default_factory=MazeSettings)
    digits: DigitsSettings = field(default_factory=DigitsSettings)
    multistep: MultistepSettings = field(default_factory=MultistepSettings)
    planning: PlanningSettings = field(default_factory=PlanningSettings)
    reinforcement: ReinforcementSettings = field(default_factory=ReinforcementSettings)

    def __post_init__(self) -> None:
        """Refuse another part, and settings of another part than its own."""
        settings_at_least(self)


PRESETS = PARTS.presets(Settings)
run, evaluate = PARTS.run, PARTS.evaluate
tabulate, headlines = PARTS.tabulate, PARTS.headlines
