"""Disentangling dynamics and content for control and planning, in the planar world.

Banijamali, Khajenezhad, Ghodsi and Ghavamzadeh, 2017. A model learns from 8,000 triples (x, u, x') of set X,
where the agent is a square, and from 2,000 images of set Y, where it is a cross and no action is known; then
it is asked to plan in both. `PRESETS["default"]` takes about an hour for ten seeds on two cores
(`unknot run dynamics-content --seeds 10 --jobs 2`); `PRESETS["demo"]`, one seed of the split alone, two.
`PRESETS["paper"]` has the paper's data too, which is small, and trains every model of every seed ten times as
long: by the default's rate about a day of two cores for ten seeds (not run; nor was a GPU). The paper does
not say how long its own training was.

What is measured, on data and problems that no training has seen:

- Reconstruction and prediction loss: Bernoulli cross-entropy of an image under the model, less its least
  possible value (the entropy of its grey pixels), in nats summed over the pixels; 500 triples.
- Planning loss: eq. 7 with T = 40, Q = I and R = 0.1 I, in pixels. The paper gives neither.
- Success: near the goal (2 px) at each of the last 5 of the steps allowed: 40 in the paper's 20 runs from
  corner to corner, in the other problems 1.5 times what the best path on the true map needs.
- One-shot: the plan is made once, as in the paper. Receding: it is made anew every fifth step, and when the
  agent isn't where the plan expects it.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from torch import Tensor

import unknot  # noqa: F401  (registers the environments)
from unknot.agents import GridExpert, PlanningAgent, StraightLineExpert
from unknot.agents.evaluation import Agent
from unknot.experiments.dynamics_content_tables import tabulate
from unknot.experiments.planar_figures import save_figures
from unknot.experiments.planar_problems import (
    CAMERAS,
    HORIZON,
    SETS,
    Problems,
    draw_problems,
    make_environment,
    pc3_problems,
    planning_loss,
    rate,
    reference,
    roll_out,
    share_at_goal,
    successes,
)
from unknot.files import read_json, write_json
from unknot.representation import (
    E2C,
    RCE,
    WEIGHTS,
    LocallyLinear,
    load_learner,
    minibatches,
    save_learner,
    train,
)

__all__ = ["MODELS", "PRESETS", "Settings", "evaluate", "run", "tabulate"]

BATCH = 64
HELD_OUT = 500
"""Triples on which reconstruction and prediction are measured."""
FIRST_PROBLEM = 10_000
"""Seed of the first evaluation problem."""


@dataclass(frozen=True)
class Model:
    """A learner and the data it is given."""

    part: str
    """The part of the experiment it belongs to: the field of `Settings` that counts its seeds."""
    learner: type[LocallyLinear] = RCE
    content_dim: int = 2
    passive: bool = True
    """Whether it is given the action-less images of Y."""
    sets: Mapping[str, str] = field(default_factory=lambda: SETS)
    """The appearances of X and Y."""
    env: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the environment."""
    options: Mapping[str, Any] = field(default_factory=dict)
    """Keyword arguments of the learner."""
    effort: int = 1
    """Multiple of the settings' steps that it is trained for."""


_BARE = {"gauge": 0.0, "swap": 0.0, "pull": 0.0, "blocked": False}

MODELS: dict[str, Model] = {
    "published": Model("split"),
    "solid": Model("solid", env={"collision": "solid"}, effort=4),
    "rce-x": Model("baselines", content_dim=0, passive=False),
    "rce-xy": Model("baselines", content_dim=0),
    "e2c-x": Model("baselines", E2C, content_dim=0, passive=False),
    "e2c-xy": Model("baselines", E2C, content_dim=0),
    "camera": Model("camera", sets=CAMERAS, options={"views": True}),
    "camera-late": Model("camera", sets=CAMERAS),
    "camera-rce-xy": Model("camera", content_dim=0, sets=CAMERAS),
    "camera-e2c-xy": Model("camera", E2C, content_dim=0, sets=CAMERAS),
    "noise-1": Model("noise", env={"noise": 1.0}),
    "noise-2": Model("noise", env={"noise": 2.0}),
    "gates": Model("maps", env={"map": "gates"}),
    "door": Model("maps", env={"map": "door"}),
    "random": Model("maps", env={"map": "random"}),
    "no-gauge": Model("options", options={"gauge": 0.0}),
    "no-swap": Model("options", options={"swap": 0.0}),
    "no-pull": Model("options", options={"pull": 0.0}),
    "no-blocked": Model("options", options={"blocked": False}),
    "bare": Model("options", options=_BARE),
}
"""Every model of the experiment by name: the split under the published rule first."""
DRAWN = ("published", "solid", "camera")
"""The models of which pictures are drawn."""


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
    """Random problems, start and goal anywhere, for each set; 60 at most but for split and solid."""
    split: int = 10
    """Seeds of the split under the published rule."""
    solid: int = 3
    """Seeds of the split under the solid rule."""
    baselines: int = 2
    """Seeds of each baseline."""
    camera: int = 3
    """Seeds of the split and of each baseline where Y is another camera."""
    noise: int = 1
    """Seeds of the split with process noise, at each deviation."""
    maps: int = 1
    """Seeds of the split on each harder map."""
    options: int = 1
    """Seeds of each model without one of the training's aids."""

    def __post_init__(self) -> None:
        """Refuse counts that leave nothing to train on or to measure."""
        for name in (setting.name for setting in fields(self)):
            least = 1 if name in ("steps", "triples", "passive", "problems") else 0
            if (value := getattr(self, name)) < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")


PRESETS: dict[str, Settings] = {
    "default": Settings(),
    "smoke": Settings(60, 256, 128, problems=1, baselines=0, camera=0, solid=0, noise=0, maps=0, options=0),
    "demo": Settings(problems=200, baselines=0, camera=0, solid=0, noise=0, maps=0, options=0),
    "paper": Settings(steps=20_000, solid=10, baselines=10, camera=10, noise=10, maps=10, options=10),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Train and evaluate the models of one seed, each in a folder of its own; see `unknot.running`."""
    metrics: dict[str, Any] = {"seed": seed, "models": {}}
    for name, model in MODELS.items():
        if seed >= getattr(settings, model.part):
            continue
        kept = folder / name / "metrics.json"
        if not kept.exists():
            learner = _train(model, settings, folder / name, seed, resume, f"seed {seed}: {name}")
            if name in DRAWN:
                problems = draw_problems("anywhere", model.env, 8, FIRST_PROBLEM)
                save_figures(learner, model.sets, problems, folder / name / "figures")
            count = _problems(model, settings.problems)
            cache = folder.parent / "references"
            # Last, so that a resume takes a model that has it as complete.
            write_json(kept, _measure(learner, model, cache, seed, count, references=seed == 0))
        metrics["models"][name] = read_json(kept)
    write_json(folder / "metrics.json", metrics)
    return metrics


def evaluate(folder: Path, full: bool) -> dict[str, Any]:
    """Measure the models of a seed folder again, from their weights.

    Args:
        folder: the seed's.
        full: measure on all problems of the run's settings, else on 40 random ones of each kind.

    Raises:
        FileNotFoundError: a model whose training has not ended.
        WeightsError: weights that can't be used.
    """
    config = read_json(folder / "config.json")
    problems = config["settings"]["problems"]
    models = {}
    with TemporaryDirectory() as cache:
        for name, model in MODELS.items():
            if (folder / name / WEIGHTS).exists():
                learner = load_learner(folder / name / WEIGHTS)
                assert isinstance(learner, LocallyLinear)
                if not learner.surveyed:
                    raise FileNotFoundError(f"{folder / name} has no finished weights: resume the run first")
                count = _problems(model, problems) if full else min(40, problems)
                models[name] = _measure(learner, model, Path(cache), config["seed"], count, references=True)
    return {"seed": config["seed"], "models": models}


def _problems(model: Model, problems: int) -> int:
    return problems if model.part in ("split", "solid") else min(60, problems)


# Training


def _train(
    model: Model, settings: Settings, folder: Path, seed: int, resume: bool, description: str
) -> LocallyLinear:
    triples, passive = training_data(model, settings, seed)
    torch.manual_seed(seed)
    steps = settings.steps * model.effort
    options: dict[str, Any] = {
        "content_dim": model.content_dim,
        "steps": steps,
        **model.options,
    }
    learner = model.learner(sets=2 if model.passive else 1, **options)
    # A cross leaves the mean image that a square does; what another camera leaves is all its own.
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
    """Draw the triples of X and the images of Y, from states of their own; no pair shows one state."""
    rng = np.random.default_rng([seed, 0])
    triples = environment(model, "X").sample_transitions(settings.triples, rng)
    images = environment(model, "Y").sample_transitions(settings.passive, rng)["observation"]
    return triples, images


def held_out_data(model: Model, images: str, seed: int) -> dict[str, NDArray[Any]]:
    """Draw the triples on which reconstruction and prediction are measured, from a stream of their own."""
    triples: dict[str, NDArray[Any]] = environment(model, images).sample_transitions(
        HELD_OUT, np.random.default_rng([seed, 1])
    )
    return triples


def environment(model: Model, images: str) -> Any:
    """Make the environment that shows a set of images."""
    return make_environment(model.env, model.sets[images])


# Measuring


def _measure(
    learner: LocallyLinear, model: Model, cache: Path, seed: int, problems: int, *, references: bool
) -> dict[str, Any]:
    """Measure a learner in X and in Y; floors and ceilings are kept in the folder `cache`.

    With `references` they are also returned.
    """
    env = model.env
    tasks = {
        "corners": draw_problems("corners", env, min(20, problems), FIRST_PROBLEM + 20 * seed),
        "anywhere": draw_problems("anywhere", env, problems, FIRST_PROBLEM),
    }
    result: dict[str, Any] = {}
    for images in SETS:
        result[images] = _losses(learner, model, images, seed)
        for task, posed in tasks.items():
            result[images][task] = _plan(learner, posed, model.sets[images], cache, seed)
    result["Y"]["map_error"], result["X"]["map_error"] = _map_errors(learner, model)
    if model.part == "split":
        for images in SETS:
            result[images]["one_shot"] = _plan_once(learner, tasks["corners"], images)
            result[images]["pc3"] = _pc3(learner, images, min(10, problems))
    if references:
        result["references"] = _references(tasks, cache) | (
            _pc3_references() if model.part == "split" else {}
        )
    return result


def _references(tasks: Mapping[str, Problems], cache: Path) -> dict[str, Any]:
    known = {task: reference(problems, cache) for task, problems in tasks.items()}
    return {task: {"floor": each.floor, "ceiling": each.ceiling} for task, each in known.items()}


@torch.no_grad()
def _losses(learner: LocallyLinear, model: Model, images: str, seed: int) -> dict[str, float]:
    """Return reconstruction and prediction loss on held-out triples, and how often the shape is right.

    A prediction's shape is right if it is nearer, in squared error, to the true next image than to the same
    scene as the other set shows it.
    """
    held_out = held_out_data(model, images, seed)
    x, after = held_out["observation"], held_out["next_observation"]
    drawn = learner.decode(learner.encode(x), learner.content(x))
    predicted = learner.predict(x, held_out["action"])
    (other,) = SETS.keys() - {images}
    elsewhere = environment(model, other).render_factors({"position": held_out["next_position"]})
    return {
        "reconstruction": _excess(drawn, x),
        "prediction": _excess(predicted, after),
        "shape": 100
        * float((_squared_error(predicted, after) < _squared_error(predicted, elsewhere)).mean()),
    }


def _squared_error(drawn: Tensor, images: NDArray[np.uint8]) -> NDArray[np.float64]:
    error: NDArray[np.float64] = np.square(drawn.numpy(force=True) - images / 255.0).sum((1, 2, 3))
    return error


def _excess(drawn: Tensor, images: NDArray[np.uint8]) -> float:
    """Return the mean Bernoulli cross-entropy less the images' entropy, in nats an image."""
    truth = torch.from_numpy(images).double() / 255
    drawn = drawn.cpu().double().clamp(1e-6, 1 - 1e-6)
    cross = -(truth * drawn.log() + (1 - truth) * (1 - drawn).log())
    entropy = torch.special.entr(truth) + torch.special.entr(1 - truth)
    return float((cross - entropy).flatten(1).sum(1).mean())


def _map_errors(learner: LocallyLinear, model: Model) -> tuple[float, float]:
    """Return the error in pixels, root mean square, of positions read off z by a linear map fitted in X.

    The same map reads Y: it is small there only if the two latent maps coincide.
    """
    positions = environment(model, "X").sample_free(2000, np.random.default_rng(2))
    codes = {}
    for images in SETS:
        z = learner.encode_all(environment(model, images).render_factors({"position": positions}))
        codes[images] = np.c_[z.numpy(force=True), np.ones(len(z))]
    linear = np.linalg.lstsq(codes["X"], positions, rcond=None)[0]
    errors = [float(np.sqrt(np.square(codes[s] @ linear - positions).sum(1).mean())) for s in ("Y", "X")]
    return errors[0], errors[1]


def _plan(
    learner: LocallyLinear, problems: Problems, appearance: str, cache: Path, seed: int
) -> dict[str, Any]:
    known = reference(problems, cache)
    longest = max(HORIZON, int(known.steps.max()))
    rollout = roll_out(PlanningAgent(learner), problems, appearance, longest, seed)
    loss = planning_loss(rollout, problems.goals)
    solved = successes(rollout, problems.goals, known.steps)
    ratio = float(loss.mean() / known.best_loss.mean())
    return {**rate(solved), "count": len(solved), "loss": float(loss.mean()), "ratio": ratio}


def _plan_once(learner: LocallyLinear, problems: Problems, images: str) -> dict[str, Any]:
    agent = PlanningAgent(learner, horizon=HORIZON, replan_every=HORIZON, iterations=50)
    rollout = roll_out(agent, problems, SETS[images], HORIZON)
    loss = planning_loss(rollout, problems.goals)
    return {**rate(successes(rollout, problems.goals, HORIZON)), "loss": float(loss.mean())}


def _pc3(learner: LocallyLinear, images: str, starts: int) -> float:
    """PC3's protocol: plans of 10 steps, made anew each step, Q = 10 I, R = I, four iterations."""
    problems = pc3_problems(starts, FIRST_PROBLEM)
    agent = PlanningAgent(learner, horizon=10, replan_every=1, Q=10.0, R=1.0, iterations=4)
    return share_at_goal(roll_out(agent, problems, SETS[images], HORIZON), problems.goals)


def _pc3_references() -> dict[str, float]:
    """What the best planner on the true map and the straight line get by PC3's measure."""
    problems = pc3_problems(10, FIRST_PROBLEM)
    experts: dict[str, Agent] = {
        "pc3": GridExpert(make_environment({}).world),
        "pc3_floor": StraightLineExpert(),
    }
    return {
        name: share_at_goal(roll_out(expert, problems, SETS["X"], HORIZON), problems.goals)
        for name, expert in experts.items()
    }
