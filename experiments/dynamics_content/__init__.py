"""Disentangling dynamics and content for control and planning, in the planar world.

Banijamali, Khajenezhad, Ghodsi and Ghavamzadeh, 2017. A model learns from 8,000 triples (x, u, x') of set X,
where the agent is a square, and from 2,000 images of set Y, where it is a cross and no action is known. It
then plans in both. `PRESETS["default"]` takes about an hour for ten seeds on two cores
(`unknot run dynamics-content --seeds 10 --jobs 2`); `PRESETS["demo"]`, one seed of the split alone, takes
two minutes. `PRESETS["paper"]` has the paper's data as well, which is small, and trains every model of every
seed ten times as long: at the default's rate about a day of two cores for ten seeds (not run; nor was a GPU).
The paper does not say how long its own training was.

What is measured, on data and problems that no training has seen:

- Reconstruction and prediction loss: Bernoulli cross-entropy of an image under the model, less its least
  possible value (the entropy of its grey pixels), in nats summed over the pixels; 500 triples.
- Planning loss: eq. 7 with T = 40, Q = I and R = 0.1 I, in pixels. The paper gives none of the three.
- Success: near the goal (2 px) at each of the last 5 of the steps allowed. These are 40 in the paper's 20
  runs from corner to corner, and 1.5 times what the best path on the true map needs in the other problems.
- One-shot: the plan is made once, as in the paper. Receding: it is made again every fifth step, and when the
  agent is not where the plan expects it.
"""

from dataclasses import dataclass, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.agents.planar_problems import sample_problems
from unknot.checks import settings_at_least
from unknot.experiments.common.runs import model_folder, run_models
from unknot.experiments.dynamics_content.figures import save_pictures
from unknot.experiments.dynamics_content.measures import FIRST_PROBLEM, measure
from unknot.experiments.dynamics_content.models import CAMERAS, MODELS, Model, environment
from unknot.experiments.dynamics_content.tables import headlines, tabulate
from unknot.representation import WEIGHTS, LocallyLinear, load_learner, minibatches, save_learner, train

__all__ = ["PRESETS", "Settings", "evaluate", "headlines", "run", "tabulate"]

BATCH = 64
PICTURED = ("published", "solid", "camera")
"""The models of which pictures are saved."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    steps: int = 2000
    """Updates of each model, on 64 triples and as many action-less images."""
    triples: int = 8000
    """Triples of set X."""
    passive: int = 2000
    """Action-less images of set Y."""
    problems: int = 500
    """Random problems, start and goal anywhere, for each set; 60 at most except for split and solid."""
    split: int = 10
    """Seeds of the split under the published rule."""
    solid: int = 3
    """Seeds of the split under the solid rule."""
    baselines: int = 2
    """Seeds of each baseline."""
    camera: int = 3
    """Seeds of the split and of each baseline where Y is another camera."""
    noise: int = 1
    """Seeds of the split with process noise, at each standard deviation."""
    maps: int = 1
    """Seeds of the split on each harder map."""
    options: int = 1
    """Seeds of each model without one of our additions to the training."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        least = dict.fromkeys((setting.name for setting in fields(self)), 0)
        settings_at_least(self, **least | {"steps": 1, "triples": 1, "passive": 1, "problems": 1})


PRESETS: dict[str, Settings] = {
    "default": Settings(),
    "smoke": Settings(8, 256, 128, problems=1, baselines=0, camera=0, solid=0, noise=0, maps=0, options=0),
    "demo": Settings(1200, problems=60, baselines=0, camera=0, solid=0, noise=0, maps=0, options=0),
    "paper": Settings(steps=20_000, solid=10, baselines=10, camera=10, noise=10, maps=10, options=10),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and measure the models of one seed, each in a folder of its own."""

    def make(name: str, path: Path) -> dict[str, Any]:
        model = MODELS[name]
        learner = _train(model, settings, path, seed, resume, f"seed {seed}: {name}")
        if name in PICTURED:
            problems = sample_problems("anywhere", model.env, 8, FIRST_PROBLEM)
            save_pictures(learner, model.sets, problems, path / "figures")
        count = _problems(model, settings.problems)
        return measure(learner, model, folder.parent / "references", seed, count, references=seed == 0)

    names = [name for name, model in MODELS.items() if seed < getattr(settings, model.part)]
    return {"seed": seed, "models": run_models(names, folder, make)}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the models that a folder has, on 40 random problems of each kind at most unless `full`."""
    models = {}
    with TemporaryDirectory() as cache:
        for name, model in MODELS.items():
            path = model_folder(folder, name)
            if not (path / WEIGHTS).exists():
                continue
            learner = load_learner(path / WEIGHTS, kind=LocallyLinear)
            if not learner.surveyed:
                raise FileNotFoundError(f"{path} has no finished weights: resume the run first")
            count = _problems(model, settings.problems) if full else min(40, settings.problems)
            models[name] = measure(learner, model, Path(cache), seed, count, references=True)
    return {"seed": seed, "models": models}


def _problems(model: Model, problems: int) -> int:
    return problems if model.part in ("split", "solid") else min(60, problems)


# Training


def _train(
    model: Model, settings: Settings, folder: Path, seed: int, resume: bool, description: str
) -> LocallyLinear:
    triples, passive = training_data(model, settings, seed)
    torch.manual_seed(seed)
    steps = settings.steps * model.effort
    options: dict[str, Any] = {"content_dim": model.content_dim, "steps": steps, **model.options}
    learner = model.learner(sets=2 if model.passive else 1, **options)
    # Squares and crosses have one mean image; another camera has its own.
    seen = [triples["observation"], passive] if model.sets == CAMERAS else [triples["observation"]]
    learner.calibrate(*seen)
    batch = min(BATCH, settings.triples, settings.passive)
    active = minibatches(
        {key: triples[key] for key in ("observation", "action", "next_observation")}, batch, seed
    )
    others = minibatches({"passive": passive[:, None]}, batch, seed)

    def batch_at(step: int) -> dict[str, Tensor]:
        return {**active(step), **others(step)} if model.passive else active(step)

    train(learner, batch_at, steps, folder=folder, resume=resume, description=description)
    learner.survey(triples, seed=seed)
    save_learner(learner, folder / WEIGHTS)
    return learner


def training_data(
    model: Model, settings: Settings, seed: int
) -> tuple[dict[str, NDArray[Any]], NDArray[np.uint8]]:
    """Sample the triples of X and the images of Y, from separate states: none is shown in both sets."""
    rng = np.random.default_rng([seed, 0])
    triples = environment(model, "X").sample_transitions(settings.triples, rng)
    images = environment(model, "Y").sample_transitions(settings.passive, rng)["observation"]
    return triples, images
