"""Independently controllable factors, found by acting in grid worlds.

Thomas, Bengio, Fedus, Pondard, Beaudoin, Larochelle, Pineau, Precup and Bengio, 2017. Its parts, each by
itself with `--part NAME`:

- `maze` (section 4.1): four directed factors of a maze's agent, read off a latent plane;
- `digits` (appendix B.1): the positions of two handwritten digits, without an autoencoder;
- `multistep` (section 4.2): embeddings of policies of three steps, and where they lead;
- `planning` (appendix B.2 and B.3): from a start image to a goal image in mazes never seen;
- `reinforcement`: what the representation is worth to an agent that learns from reward.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, Protocol, cast

from unknot.experiments.common.runs import run_parts, tabulate_parts
from unknot.experiments.controllable_factors import digits, maze, multistep, planning, reinforcement
from unknot.experiments.controllable_factors.digits import Settings as DigitsSettings
from unknot.experiments.controllable_factors.maze import Settings as MazeSettings
from unknot.experiments.controllable_factors.multistep import Settings as MultistepSettings
from unknot.experiments.controllable_factors.planning import Settings as PlanningSettings
from unknot.experiments.controllable_factors.reinforcement import Settings as ReinforcementSettings
from unknot.files import read_json
from unknot.report import Table

__all__ = ["PARTS", "PRESETS", "Settings", "evaluate", "run", "tabulate"]


class Part(Protocol):
    """What the module of a part offers; it is an experiment of its own but for the command line."""

    Settings: type[Any]
    SMOKE: Any
    PAPER: Any

    def run(self, settings: Any, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
        """Train and measure one seed; models lie in folders below."""

    def evaluate(self, settings: Any, folder: Path, seed: int, full: bool) -> dict[str, Any]:
        """Measure once more, from the weights, writing nothing."""

    def tabulate(self, metrics: list[dict[str, Any]]) -> list[Table]:
        """Make tables from what each seed measured."""


PARTS: dict[str, Part] = {
    "maze": cast(Part, maze),
    "digits": cast(Part, digits),
    "multistep": cast(Part, multistep),
    "planning": cast(Part, planning),
    "reinforcement": cast(Part, reinforcement),
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


PRESETS = {
    "default": Settings(),
    "smoke": Settings("all", *(part.SMOKE for part in PARTS.values())),
    "paper": Settings("all", *(part.PAPER for part in PARTS.values())),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Run the parts of one seed, each in a folder of its name; what has its `metrics.json` is complete."""
    return run_parts(
        PARTS,
        settings.part,
        folder,
        seed,
        lambda name, path: PARTS[name].run(getattr(settings, name), path, seed, resume),
    )


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Measure the parts of a seed folder from their weights.

    Args:
        folder: the seed's.
        full: also what takes long.

    Raises:
        FileNotFoundError: a part whose training has not ended.
        WeightsError: weights that can't be used.
    """
    config = read_json(folder / "config.json")
    parts = {}
    for name, part in PARTS.items():
        if (folder / name).is_dir():
            settings = part.Settings(**config["settings"][name])
            parts[name] = part.evaluate(settings, folder / name, config["seed"], full)
    return {"seed": config["seed"], "parts": parts}


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make the tables of every part that was run."""
    return tabulate_parts(PARTS, seeds)
