"""Grasping with six degrees of freedom by imagined geometry.

Yan, Hsu, Khansari, Bai, Pathak, Gupta, Davidson and Lee, 2017. A net learns to predict which grasps of 80
objects will hold, seen from 15° and 45°. It is tested on 21 novel objects, from these elevations and from
others, and plans grasps of them, which are tried in simulation. Beside it stands the paper's baseline, the
same net without geometry, on the same batches.

`PRESETS["default"]` first collects grasps, in about 25 minutes of a core, unless `dataset` names a folder
that `unknot collect-grasps` filled; a seed then takes about nine. `PRESETS["paper"]` has as many grasps as
the paper, wider networks and more steps, for a GPU: about 1.4e16 multiplications a seed, in the order of an
hour at 1e13 operations a second (counted, not run).

What is measured:

- Accuracy (Tables 1 and 2): the share of paired grasps of novel objects whose outcome is predicted: one of a
  pair held, the other failed at nearly the same height and tilt. The trivial baseline is a classifier that
  sees the gripper's pose and no image.
- Success of planning (Table 3): from a failed grasp, 20 steps, each along the best of 10 random directions,
  until one holds in simulation. And by `PoseCEM`, one attempt. Trivial baselines know no net: directions at
  random, 20 proposals or one around the visible surface, one grasp across the narrow side of what is seen.
  The oracle is the demonstrations' sampler on the true mesh.
- Overlap of the imagined with the true occupancy, which no net was trained on.
- All of it also on objects of `pybullet_data`, which nothing was tuned to.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from unknot.checks import require, settings_at_least
from unknot.files import METRICS, read_json, write_json

require("grasp", "pybullet", "trimesh", "joblib")

from unknot.agents.grasp_batches import Grasps, geometry_batches, outcome_batches  # noqa: E402
from unknot.agents.grasp_measures import measure_accuracy, measure_overlap, measure_pose_alone  # noqa: E402
from unknot.agents.grasp_problems import (  # noqa: E402
    best_grasps,
    demonstrated,
    narrow_sides,
    opened,
    proposals,
    sample_problems,
    stepwise,
    success,
)
from unknot.experiments.common.runs import load_model, models_in, run_models  # noqa: E402
from unknot.experiments.grasping.data import (  # noqa: E402
    TESTS,
    collect_all,
    collect_tests,
    read_all,
    read_train,
    record,
)
from unknot.experiments.grasping.figures import save_pictures  # noqa: E402
from unknot.experiments.grasping.tables import headlines, tabulate  # noqa: E402
from unknot.representation import train  # noqa: E402
from unknot.representation.grasp_net import GraspNet  # noqa: E402

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

NETS = {"geometry": True, "baseline": False}
"""The nets of a seed, and whether each has a shape branch."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    dataset: str = ""
    """A folder that `unknot collect-grasps` filled; without one, grasps are collected beside the seeds."""
    placements: int = 640
    """The most placements of the objects to train on."""
    test_placements: int = 168
    """The most placements of novel objects on which accuracy and overlap are measured."""
    bullet: int = 27
    """Placements of `pybullet_data` objects, on which nets are tested as well."""
    width: int = 16
    """Channels of the nets' first convolutions."""
    hidden: int = 192
    """Units of the outcome predictor's layers."""
    shape_steps: int = 1500
    """Updates of the geometry."""
    outcome_steps: int = 1800
    """Updates of the outcome predictor, of both nets."""
    batch: int = 12
    """Placements in a batch."""
    grasps: int = 16
    """Grasps of each placement in a batch."""
    planned: int = 21
    """Placements of novel objects, and of PyBullet's, at which grasps are planned."""
    repeats: int = 8
    """Failed grasps of each from which planning starts, each seen from another elevation than the last."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        settings_at_least(self, placements=1, test_placements=1, bullet=1, width=1, hidden=1)
        settings_at_least(self, shape_steps=1, outcome_steps=1, batch=1, grasps=1, planned=1, repeats=1)


PRESETS = {
    "default": Settings(),
    "smoke": Settings(
        placements=2,
        test_placements=1,
        bullet=1,
        width=4,
        hidden=16,
        shape_steps=2,
        outcome_steps=2,
        batch=2,
        planned=1,
        repeats=1,
    ),
    "paper": Settings(
        placements=2400,
        test_placements=630,
        bullet=54,
        width=64,
        hidden=512,
        shape_steps=40_000,
        outcome_steps=40_000,
        batch=64,
        planned=42,
    ),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the nets of one seed, each in a folder of its name."""
    collect_all(settings, folder)
    data = read_all(settings, folder)

    def make(name: str, path: Path) -> dict[str, Any]:
        net = train_net(settings, name, data["train"], path, seed, resume)
        return measure(net, settings, data, seed, full=True)

    metrics = {"seed": seed, "dataset": record(settings, data), "nets": run_models(NETS, folder, make)}
    kept = folder.parent / "references" / METRICS
    if not kept.exists():
        write_json(kept, references(settings, data))
    metrics["references"] = read_json(kept)
    save_pictures({name: load_model(folder, name, GraspNet) for name in NETS}, data, folder / "figures", seed)
    return metrics


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the nets that a folder has; plan grasps and try them, which takes longest, only if `full`.

    Missing placements to test on are collected again, those to train on are not: what needs them is left out.

    Raises:
        FileNotFoundError: there is no dataset, and the seed's metrics don't say how it was collected.
        FileError: the dataset is another than the run's.
    """
    kept = read_json(folder / METRICS).get("dataset") if (folder / METRICS).exists() else None
    collect_tests(settings, folder, kept)
    data = read_train(settings, folder, kept) | read_all(settings, folder, TESTS)
    nets = {
        name: measure(load_model(folder, name, GraspNet), settings, data, seed, full)
        for name in models_in(folder, NETS)
    }
    bounds = references(settings, data) if full else {}
    return {"seed": seed, "dataset": kept or record(settings, data), "nets": nets, "references": bounds}


def train_net(settings: Settings, name: str, data: Grasps, folder: Path, seed: int, resume: bool) -> GraspNet:
    """Train one of `NETS`."""
    torch.manual_seed(seed)
    sizes = {key: getattr(settings, key) for key in ("width", "hidden", "shape_steps", "outcome_steps")}
    net = GraspNet(geometry=NETS[name], **sizes)
    geometry = geometry_batches(data, settings.batch, seed)
    outcomes = outcome_batches(data, settings.batch, settings.grasps, seed)

    def batch_at(step: int) -> dict[str, Tensor]:
        before = step - net.shape_steps
        return geometry(step) if before < 0 else outcomes(before)

    steps = net.shape_steps + net.outcome_steps
    train(net, batch_at, steps, folder=folder, resume=resume, description=f"grasping, {name}")
    return net


def measure(
    net: GraspNet, settings: Settings, data: Mapping[str, Grasps], seed: int, full: bool
) -> dict[str, Any]:
    """Measure a net on novel objects and on PyBullet's; with geometry, its overlap on trained objects too."""
    result: dict[str, Any] = {name: {"accuracy": measure_accuracy(net, data[name])} for name in TESTS}
    if net.geometry:
        for name, grasps in data.items():
            shards = grasps.shards[: settings.test_placements]
            result.setdefault(name, {})["overlap"] = measure_overlap(net, shards)
    if full:
        for name in TESTS:
            problems = sample_problems(data[name].shards, settings.planned, settings.repeats)
            with opened(data[name].objects) as world:
                result[name]["steps"] = success(problems, world, stepwise(net, problems, seed)[:, 1:])
                result[name]["cem"] = success(problems, world, best_grasps(net, problems, seed))
    return result


def references(settings: Settings, data: Mapping[str, Grasps]) -> dict[str, Any]:
    """Measure the trivial baselines and the oracle, demonstrations.

    The trivial baseline of accuracy, a pose alone, is left out where the grasps it learns from are missing.
    """
    result: dict[str, Any] = {}
    for name in TESTS:
        problems = sample_problems(data[name].shards, settings.planned, settings.repeats)
        proposed, closed = proposals(problems), narrow_sides(problems)
        plans = {
            "random": stepwise(None, problems, 0)[:, 1:],
            "proposals": proposed,
            "both": np.concatenate([closed, proposed[:, :-1]], axis=1),
            "proposal": proposed[:, :1],
            "narrow side": closed,
        }
        with opened(data[name].objects) as world:
            result[name] = {key: success(problems, world, poses) for key, poses in plans.items()}
            result[name]["demonstrations"] = demonstrated(problems, world)
        if "train" in data:
            result[name]["pose alone"] = measure_pose_alone(data["train"], data[name])
    return result
