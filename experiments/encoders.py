"""Every trained environment encoder that ships, by every metric of disentanglement, in one place.

Nothing is trained. Encoders are the weights that ship with `dynamics-content`, `controllable-factors` and
`grasping` (of the lowest seed), measured on the environments they were trained in. Beside each environment's
encoders stand its trivial baselines: the first encoder untrained, and principal components of the images, as
many as the widest code has dimensions. The true factors taken for a code are the oracle. The grasping net
encodes depth and camera with the image. Selectivity in mazes finds factors along the diagonals of its two
dimensions, by design, and most metrics look along dimensions: there the code and its baseline are also
measured turned by 45°. Scores depend on the environment: compare within one.

`PRESETS["default"]` takes a quarter of an hour of one core, most of it for the grasping net;
`PRESETS["paper"]` has as many samples as `evaluate_codes` by default.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from textwrap import fill
from typing import Any

import gymnasium as gym
import numpy as np
import torch
from matplotlib.figure import Figure

import unknot  # noqa: F401  (registers the environments)
from unknot.checks import one_of, settings_at_least
from unknot.envs.grasp.tabletop import TabletopEnv
from unknot.envs.maze_world import PAPER_ACTIONS, STEPS
from unknot.experiments.common.codes import Rendered, oracle, sample_images, turned, votes_for
from unknot.experiments.common.digits import check_digits, keep_digits
from unknot.experiments.common.figures import hinton_figure
from unknot.experiments.common.study import CEILING, as_json
from unknot.experiments.common.tables import cell, over_seeds
from unknot.models.image.pca import PCA
from unknot.progress import progress_bar
from unknot.report import Headline, Table, save_figures
from unknot.representation import WEIGHTS, Learner, load_learner, save_learner
from unknot.representation.metrics import METRICS, Score, evaluate_codes
from unknot.representation.source import Encode, FactorSource

PLANAR, MAZE, DIGITS = "unknot/Planar-v0", "unknot/Maze-v0", "unknot/MnistGrid-v0"
GRASP = "unknot/Grasp-v0"
ENVIRONMENTS: dict[str, tuple[str, dict[str, Any]]] = {
    "planar": (PLANAR, {}),
    "planar, another camera": (PLANAR, {"appearance": "oblique"}),
    "planar, solid": (PLANAR, {"collision": "solid"}),
    "maze": (MAZE, {"size": 6, "layout": "paper", "task": "none", "actions": PAPER_ACTIONS}),
    "open maze": (MAZE, {"size": 6, "layout": "open", "task": "none", "actions": STEPS}),
    "maze with blocks": (MAZE, {"task": "none", "actions": STEPS}),
    "maze with a switch": (MAZE, {"task": "none", "actions": (*STEPS, "toggle"), "switches": 1}),
    "digits": (DIGITS, {"size": 5, "pixels": 40, "split": "test", "task": "none"}),
    "grasps": (GRASP, {}),
}
"""Ids and arguments of the environments that encoders were trained in."""
ENCODERS: dict[str, dict[str, str]] = {
    "planar": {
        "RCE, dynamics and content apart": "dynamics-content/published",
        "RCE": "dynamics-content/rce-xy",
        "E2C": "dynamics-content/e2c-xy",
    },
    "planar, another camera": {"RCE, apart by camera": "dynamics-content/camera"},
    "planar, solid": {"RCE, dynamics and content apart": "dynamics-content/solid"},
    "maze": {
        "selectivity": "controllable-factors/maze/selectivity",
        "selectivity, as published": "controllable-factors/maze/as-published",
        "autoencoder": "controllable-factors/maze/autoencoder",
    },
    "open maze": {
        "selectivity of three steps": "controllable-factors/multistep/three-steps",
        "selectivity of three steps, as published": "controllable-factors/multistep/as-published",
    },
    "maze with blocks": {"selectivity of scenes": "controllable-factors/planning/reach/learner"},
    "maze with a switch": {"selectivity of scenes": "controllable-factors/planning/switch/learner"},
    "digits": {"selectivity": "controllable-factors/digits/selectivity"},
    "grasps": {"geometry-aware grasping net": "grasping/geometry"},
}
"""Encoders by their environment: their names in the table, and the weights that ship."""
DIAGONAL = ("maze", "open maze", "maze with blocks")
"""Environments whose codes are also measured turned by 45°."""
SHARES = {"grasps": 4}
"""Environments whose scenes are rendered one by one, slowly: of samples and votes, one in so many."""
UNTRAINED, COMPONENTS = "untrained", "principal components"
WIDEST = 30
"""The most dimensions of a code with a Hinton diagram; the grasping net's has 772."""


@dataclass(frozen=True)
class Settings:
    """Settings of the experiment."""

    environments: tuple[str, ...] = tuple(ENCODERS)
    """Names of the environments; the planar world is always among them."""
    metrics: tuple[str, ...] = METRICS
    """Names of metrics."""
    samples: int = 2000
    """Images that metrics of a sample are measured on."""
    votes: int = 200
    """Votes or examples that metrics which hold factors learn from, and as many that test them."""
    fitted: int = 1000
    """Images that principal components are fitted to."""

    def __post_init__(self) -> None:
        """Refuse unknown metrics and counts that leave nothing to measure."""
        settings_at_least(self, samples=100, votes=10, fitted=20)
        for name in self.metrics:
            one_of("metric", name, METRICS)
        for name in self.environments:
            one_of("environment", name, ENCODERS)
        if "planar" not in self.environments:
            raise ValueError(f"environments must have 'planar' among them, not {self.environments}")


PRESETS = {
    "default": Settings(),
    "smoke": Settings(("planar", "digits"), ("mig", "dci", "cvr"), samples=100, votes=10, fitted=20),
    "paper": Settings(samples=10_000, votes=300),
}


def run(settings: Settings, folder: Path, seed: int, resume: bool) -> dict[str, Any]:
    """Gather the encoders' weights in the folder, add those of the baselines, measure all."""
    if "digits" in settings.environments:
        keep_digits(folder)
    for environment in settings.environments:
        learners = {name: load_learner(f"pretrained/{path}") for name, path in ENCODERS[environment].items()}
        learners |= _baselines(_source(environment), list(learners.values()), settings.fitted, seed)
        for name, learner in learners.items():
            save_learner(learner, _place(folder, environment, name) / WEIGHTS)
    measured = _measure(settings, folder, seed, share=1)
    save_figures({"scores": chart(measured, settings.metrics), **diagrams(measured)}, folder)
    return {"seed": seed, "encoders": {name: as_json(scores) for name, scores in measured.items()}}


def evaluate(settings: Settings, folder: Path, seed: int, full: bool) -> dict[str, Any]:
    """Measure the encoders of a seed's folder, on a tenth of the samples unless `full`.

    Raises:
        FileError: there were other digits than this machine has.
    """
    check_digits(folder)
    measured = _measure(settings, folder, seed, share=1 if full else 10)
    return {"seed": seed, "encoders": {name: as_json(scores) for name, scores in measured.items()}}


def _measure(
    settings: Settings, folder: Path, seed: int, share: int
) -> dict[str, dict[str, dict[str, Score]]]:
    """Return scores by environment, encoder and metric."""

    def scores(encode: Encode, source: FactorSource, environment: str) -> dict[str, Score]:
        part = share * SHARES.get(environment, 1)
        chosen = votes_for(settings.metrics, max(settings.votes // part, 10))
        samples = max(settings.samples // part, 100)
        return evaluate_codes(encode, source, settings.metrics, seed, samples=samples, settings=chosen)

    measured: dict[str, dict[str, dict[str, Score]]] = {}
    with progress_bar(shown=True) as bar:
        for environment in bar.track(settings.environments, description=f"seed {seed}: environments"):
            names = (*ENCODERS[environment], UNTRAINED, COMPONENTS)
            source = _source(environment)
            learners = {name: load_learner(_place(folder, environment, name) / WEIGHTS) for name in names}
            encodes: dict[str, tuple[Encode, FactorSource]] = {
                name: (learner.encode, _seen(source, learner)) for name, learner in learners.items()
            }
            if environment in DIAGONAL:
                first = (names[0], UNTRAINED)
                encodes |= {f"{name}, turned by 45°": (turned(learners[name]), source) for name in first}
            encodes[CEILING] = np.asarray, oracle(source)
            measured[environment] = {name: scores(*pair, environment) for name, pair in encodes.items()}
    return measured


def _seen(source: FactorSource, learner: Learner) -> FactorSource:
    """Return the source of a learner's input."""
    if not learner.entries:
        return source
    assert isinstance(source, TabletopEnv)
    return Rendered(source, source.observe_factors)


def _source(environment: str) -> FactorSource:
    """Make an environment and begin an episode, which fixes everything that is not a factor."""
    name, arguments = ENVIRONMENTS[environment]
    env = gym.make(name, **arguments)
    env.reset(seed=0)
    source: Any = env.unwrapped
    return source  # type: ignore[no-any-return]


@torch.no_grad()
def _baselines(source: FactorSource, learners: list[Learner], fitted: int, seed: int) -> dict[str, Learner]:
    images = torch.from_numpy(sample_images(source, fitted, seed))
    widest = max(learner.encode(sample_images(_seen(source, learner), 1)).shape[1] for learner in learners)
    torch.manual_seed(seed)
    untrained = type(learners[0])(**learners[0].settings()).eval()
    height, width, channels = images.shape[1:]
    components = PCA(shape=(height, width, channels), latent_dim=min(widest, len(images)))
    components.update({"observation": images})
    return {UNTRAINED: untrained, COMPONENTS: components}


def _place(folder: Path, environment: str, name: str) -> Path:
    return folder / _file_name(environment) / _file_name(name)


def _file_name(name: str) -> str:
    return name.replace(",", "").replace(" ", "-")


def chart(encoders: Mapping[str, Mapping[str, Mapping[str, Score]]], metrics: tuple[str, ...]) -> Figure:
    """Plot the scores, from white, 0, to blue, 1: a panel an environment, with a row for each encoder."""
    half = (sum(map(len, encoders.values())) + 2 * len(encoders)) / 2
    columns: tuple[list[str], list[str]] = ([], [])
    height = 0
    for environment, rows in encoders.items():
        columns[height >= half].append(environment)
        height += len(rows) + 2
    figure = Figure(figsize=(0.9 * len(metrics) + 7, 0.15 * half + 2.5), layout="constrained")
    parts: Any = figure.subfigures(1, 2)
    for part, names in zip(parts, columns, strict=True):
        if names:
            ratios = [len(encoders[name]) for name in names]
            panels = part.subplots(len(names), 1, squeeze=False, sharex=True, height_ratios=ratios)[:, 0]
            for panel, name in zip(panels, names, strict=True):
                _plot_scores(panel, name, encoders[name], metrics)
            panels[-1].set_xticks(range(len(metrics)), metrics, rotation=60, ha="right")
    return figure


def _plot_scores(
    panel: Any, environment: str, encoders: Mapping[str, Mapping[str, Score]], metrics: tuple[str, ...]
) -> None:
    values = np.array([[scores[metric].value for metric in metrics] for scores in encoders.values()])
    panel.imshow(values, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    for (row, column), value in np.ndenumerate(values):
        shade = "white" if value > 0.6 else "black"
        panel.text(column, row, f"{value:.2f}", ha="center", va="center", fontsize=6, color=shade)
    panel.set_yticks(range(len(encoders)), list(encoders), fontsize=7)
    panel.set_title(environment, fontsize=9, loc="left")
    panel.tick_params(length=0)
    panel.spines[:].set_visible(False)


def diagrams(encoders: Mapping[str, Mapping[str, Mapping[str, Score]]]) -> dict[str, Figure]:
    """Plot DCI's importances, if it was measured, for each environment whose codes are narrow enough."""
    figures = {}
    for environment, rows in encoders.items():
        scores = {name: each["dci"] for name, each in rows.items() if "dci" in each}
        widths = [len(score.parts["importances"]) for score in scores.values()]
        if widths and max(widths) <= WIDEST:
            panels = {
                f"{fill(name, 18)}\nDCI {score.value:.2f}": score.parts["importances"]
                for name, score in scores.items()
            }
            factors = next(iter(scores.values())).choices["factors"]
            size = (2.2 * len(panels), 4.5)
            figures[f"hinton-{_file_name(environment)}"] = hinton_figure(panels, factors, size)
    return figures


def tabulate(seeds: list[dict[str, Any]]) -> list[Table]:
    """Make one table per environment: one row per metric, one column per encoder."""
    return [_table(seeds, environment) for environment in seeds[0]["encoders"]]


def headlines(seeds: list[dict[str, Any]]) -> tuple[Headline, ...]:
    """Return DCI of the split's code in the planar world, beside an untrained encoder's."""
    planar = seeds[0]["encoders"]["planar"]
    if "dci" not in next(iter(planar.values())):
        split = untrained = factors = "not measured"
        better = False
    else:
        names = (next(iter(ENCODERS["planar"])), UNTRAINED, CEILING)
        split, untrained, factors = (
            cell(seeds, "encoders", "planar", name, "dci", "value") for name in names
        )
        values = (over_seeds(seeds, "encoders", "planar", name, "dci", "value") for name in names[:2])
        better = all(ours > other for ours, other in zip(*values, strict=True))
    return (
        Headline(
            measure="DCI disentanglement of the dynamics/content split's code in the planar world",
            paper="none",
            ours=split,
            floor=f"{untrained}, the same encoder untrained",
            ceiling=f"{factors}, the true factors",
            target="above the untrained encoder's",
            met=better,
        ),
    )


def _table(seeds: list[dict[str, Any]], environment: str) -> Table:
    encoders = seeds[0]["encoders"][environment]
    metrics = next(iter(encoders.values()))
    name, arguments = ENVIRONMENTS[environment]
    rows = tuple(
        (metric, *(cell(seeds, "encoders", environment, encoder, metric, "value") for encoder in encoders))
        for metric in metrics
    )
    given = ", ".join(f"{key}={value!r}" for key, value in arguments.items())
    share = SHARES.get(environment)
    fewer = f" Of samples and votes, one in {share}: scenes are rendered slowly." if share else ""
    return Table(
        f"Encoders of the environment {environment}",
        ("metric", *encoders),
        rows,
        (
            f"`{name}`{f' with {given}' if given else ''}. Higher is better; the maximum is 1, that of "
            f"`unsupervised` 0. Seeds differ in their samples alone: each encoder is one model.{fewer}",
        ),
    )
