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
from pathlib import Path
from typing import Any, Literal, cast

from unknot.experiments import Experiment
from unknot.experiments.common.runs import (
    evaluate_parts,
    headlines_of_parts,
    presets_of,
    run_parts,
    tabulate_parts,
)
from unknot.experiments.controllable_factors import digits, maze, multistep, planning, reinforcement
from unknot.experiments.controllable_factors.digits import Settings as DigitsSettings
from unknot.experiments.controllable_factors.maze import Settings as MazeSettings
from unknot.experiments.controllable_factors.multistep import Settings as MultistepSettings
from unknot.experiments.controllable_factors.planning import Settings as PlanningSettings
from unknot.experiments.controllable_factors.reinforcement import Settings as ReinforcementSettings
from unknot.report import Headline, Table

__all__ = ["PARTS", "PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

PARTS: dict[str, Experiment] = {
    "maze": cast(Experiment, maze),
    "digits": cast(Experiment, digits),
    "multistep": cast(Experiment, multistep),
    "planning": cast(Experiment, planning),
    "reinforcement": cast(Experiment, reinforcement),
}


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment: which parts, and those of each part."""

    part: Literal["all", "maze", "digits", "multistep", "planning", "reinforcement"] = "all"
    """The part to run."""
    maze: MazeSettings = field(default_factory=MazeSettings)
    digits: DigitsSettings = field(default_factory=DigitsSettings)
    multistep: MultistepSettings = field(default_factory=MultistepSettings)
    planning: PlanningSettings = field(default_factory=PlanningSettings)
    reinforcement: ReinforcementSettings = field(default_factory=ReinforcementSettings)


PRESETS = presets_of(PARTS, Settings)


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Run the chosen parts of one seed, each in a folder of its name."""
    return run_parts(PARTS, settings, folder, seed, resume)


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the parts that a seed's folder has."""
    return evaluate_parts(PARTS, settings, folder, seed, full)


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return tabulate_parts(PARTS, seeds)


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return the figures of every part that was run, the maze's first."""
    return headlines_of_parts(PARTS, seeds)
