"""Every experiment's smoke preset, through the same tests."""

import dataclasses
import importlib
import json
from collections.abc import Callable, Collection, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from torture.kills import SMALLER
from unknot.agents import PlanningAgent
from unknot.agents.latent_path import LatentPathAgent
from unknot.experiments import EXPERIMENTS, dynamics_content
from unknot.experiments.causal_mechanisms import data as causal_data
from unknot.experiments.dynamics_content.models import MODELS, environment, held_out_data
from unknot.experiments.quantifying_beta import data as beta_data
from unknot.experiments.video_prediction import models as video_models
from unknot.files import CONFIG, METRICS, RESULTS, read_json
from unknot.representation import RCE, WEIGHTS, LocallyLinear, save_learner
from unknot.running import evaluate_run, evaluate_seed, load_experiment, run_seeds, show_run

ROOT = Path(__file__).resolve().parents[2]
SHIPPED = sorted(ROOT.glob(f"pretrained/*/{RESULTS}")) + sorted(ROOT.glob(f"docs/results/*/{RESULTS}"))

PICTURES = {
    "dynamics-content": ["seed-0/*/figures/*.gif"],
    "covariance-penalty": [
        "seed-0/projections/figures/hinton.png",
        "seed-0/images/covariance-0.08/figures/traversals.png",
        "seed-0/images/covariance-0.08/figures/traversals.gif",
    ],
    "dip-vae": ["figures/tradeoff.png"],
    "factor-vae": ["figures/tradeoff.png"],
    "f-statistic": ["figures/areas.png", "seed-0/f_statistic/figures/hinton.png"],
    "quantifying-beta": [
        "figures/shapes.png",
        "figures/digits-0.01.png",
        "seed-0/shapes/conv-1/figures/hinton.png",
        "seed-0/digits/conv-1/figures/traversals.png",
        "seed-0/digits/conv-1/figures/traversals.gif",
    ],
    "multi-entity-vae": [
        "figures/curves.png",
        "seed-0/mvae-3/figures/kl-maps.png",
        "seed-0/mvae-3/figures/sequential.png",
        "seed-0/mvae-8/figures/reconstructions.png",
        "seed-0/slots-3/figures/exchange.png",
        "seed-0/vae-3/figures/traversals.gif",
    ],
    "causal-mechanisms": [
        "figures/accuracy.png",
        "figures/scores.png",
        "figures/assignment-many-few.png",
        "seed-0/experts/figures/inputs.png",
        "seed-0/experts/figures/repaired-letters.png",
        "seed-0/experts/figures/competition.gif",
    ],
    "mocogan": [
        "figures/collapse.png",
        "seed-0/shapes-mocogan/figures/contents.png",
        "seed-0/shapes-mocogan/figures/longer.gif",
        "seed-0/shapes-vgan/figures/videos.gif",
        "seed-0/characters-mocogan/figures/combined.gif",
    ],
    "video-prediction": [
        "figures/prediction-digits.png",
        "seed-0/digits-factored/figures/correlations.png",
        "seed-0/digits-entangled/figures/variations.gif",
        "seed-0/street-factored/figures/variations.png",
        "seed-0/street-slots/figures/changes.gif",
    ],
    "encoders": ["seed-0/figures/hinton-digits.png"],
    "arae": ["figures/tradeoff-sentiment.png", "seed-0/topics-arae/figures/codes.png"],
    "multitask": [
        "figures/errors.png",
        "seed-0/rep-de-pos/figures/codes.png",
        "seed-0/untrained/figures/clusters.png",
    ],
    "sentiment-traversal": [
        "figures/curves-sentiment.png",
        "seed-0/sentiment-joint/figures/codes-nearest.png",
    ],
    "attribute-transfer": [
        "figures/tradeoff-sentiment.png",
        "seed-0/sentiment-attention/figures/attention.png",
    ],
    "jade": [
        "figures/errors.png",
        "seed-0/jade/figures/exchanges.png",
        "seed-0/jade/figures/traversals.gif",
        "seed-0/jade/figures/variances.png",
    ],
}
"""Pictures of experiments, besides those that all of them have."""


SHORT = ("dci", "dip-vae", "f-statistic")
"""Experiments that run and are evaluated more than once in `make test`, too."""
LONG = (
    "arae",
    "attribute-transfer",
    "capacity-vae",
    "controllable-factors",
    "dynamics-content",
    "factor-vae",
    "grasping",
    "multitask",
    "quantifying-beta",
    "sentiment-traversal",
    "video-prediction",
)
"""Experiments whose evaluation takes so long that `make test-all` alone has it."""


def each(*, slow: Collection[str] = ()) -> pytest.MarkDecorator:
    """Every experiment, all tests of one in one process, which runs its smoke preset once for them."""

    def marks(name: str) -> list[pytest.MarkDecorator]:
        return [pytest.mark.xdist_group(name), *([pytest.mark.slow] if name in slow else [])]

    return pytest.mark.parametrize("name", [pytest.param(name, marks=marks(name)) for name in EXPERIMENTS])


FEWER: tuple[tuple[Any, str, int], ...] = (
    (LocallyLinear.survey, "steps", 20),
    (PlanningAgent.__init__, "iterations", 1),
    (LatentPathAgent.__init__, "horizon", 8),
)
"""Functions, and which of their defaults become what."""
READ_ONCE = (beta_data.digits, causal_data.digits, causal_data.transformed, video_models._source)
"""What keeps the digits that were read first, here the small ones."""


@pytest.fixture(scope="module", autouse=True)
def _smaller() -> Iterator[None]:
    """Let measures that no setting makes smaller take less time: fewer samples, trees, plans."""
    with pytest.MonkeyPatch.context() as patch:
        for place, value in SMALLER.items():
            module, _, attribute = place.partition(":")
            patch.setattr(importlib.import_module(module), attribute, value)
        for function, argument, default in FEWER:
            patch.setitem(function.__kwdefaults__, argument, default)
        for cached in READ_ONCE:
            cached.cache_clear()
        yield
    for cached in READ_ONCE:
        cached.cache_clear()


@pytest.fixture(scope="module")
def smoke(tmp_path_factory: pytest.TempPathFactory) -> Callable[[str], Path]:
    """Runs the smoke preset of an experiment, once, and returns the run's folder."""

    @cache
    def run(name: str) -> Path:
        if name == "grasping":
            pytest.importorskip("pybullet", reason="PyBullet is not installed")
        folder = tmp_path_factory.mktemp(name) / "run"
        run_seeds(name, "smoke", load_experiment(name).PRESETS["smoke"], folder, seeds=1)
        return folder

    return run


Smoke = Callable[[str], Path]


@each()
def test_a_run_leaves_what_the_run_folder_promises(name: str, smoke: Smoke) -> None:
    folder = smoke(name)
    seed = folder / "seed-0"
    assert (seed / CONFIG).exists()
    assert list(seed.rglob(WEIGHTS))
    assert list(seed.rglob("events.*"))
    assert list(seed.rglob("figures/*.png"))
    for picture in PICTURES.get(name, []):
        assert list(folder.glob(picture)), picture
    shown = show_run(folder)
    assert shown.tables[0].title in (folder / "table.md").read_text()
    assert all(path.exists() for path in shown.figures)
    check_headlines(name, [read_json(seed / METRICS)])


@pytest.mark.parametrize("path", SHIPPED, ids=lambda path: str(path.relative_to(ROOT).parent))
def test_shipped_results_have_tables_and_headlines(path: Path) -> None:
    name, seeds = path.parent.name, read_json(path)["seeds"]
    assert load_experiment(name).tabulate(seeds)
    check_headlines(name, seeds)
    if ROOT / "pretrained" in path.parents:
        assert show_run(f"pretrained/{name}").headlines == load_experiment(name).headlines(seeds)


def check_headlines(name: str, seeds: list[dict[str, Any]]) -> None:
    headlines = load_experiment(name).headlines(seeds)
    assert headlines
    for headline in headlines:
        texts = dataclasses.asdict(headline)
        assert isinstance(texts.pop("met"), bool)
        for field, text in texts.items():
            assert isinstance(text, str), field
            assert text.strip(), field
            assert "nan" not in text.split(), field


@each(slow=LONG)
def test_the_metrics_are_recomputed_from_the_weights(name: str, smoke: Smoke) -> None:
    folder = smoke(name)
    before = sorted(folder.rglob("*"))
    again = json.loads(json.dumps(evaluate_seed(folder / "seed-0", full=True)))
    assert again == read_json(folder / "seed-0" / METRICS)
    assert sorted(folder.rglob("*")) == before  # evaluating leaves nothing behind


@each(slow=EXPERIMENTS.keys() - SHORT)
def test_an_evaluation_on_less_gives_some_of_the_tables(name: str, smoke: Smoke) -> None:
    folder = smoke(name)
    tables = evaluate_run(folder, full=False)
    assert tables
    assert {table.title for table in tables} <= {table.title for table in show_run(folder).tables}


@each(slow=EXPERIMENTS.keys() - SHORT)
def test_two_runs_of_a_seed_measure_the_same(name: str, smoke: Smoke, tmp_path: Path) -> None:
    folder = smoke(name)
    run_seeds(name, "smoke", load_experiment(name).PRESETS["smoke"], tmp_path / "again", seeds=1)
    first, second = (timeless(read_json(run / "seed-0" / METRICS)) for run in (folder, tmp_path / "again"))
    assert first == second


def timeless(metrics: Any) -> Any:
    """Drop measured times."""
    if isinstance(metrics, dict):
        return {name: timeless(value) for name, value in metrics.items() if name != "seconds"}
    return [timeless(value) for value in metrics] if isinstance(metrics, list) else metrics


@each()
def test_a_finished_run_resumes_at_once_and_another_does_not_overwrite_it(name: str, smoke: Smoke) -> None:
    folder = smoke(name)
    settings = load_experiment(name).PRESETS["smoke"]
    written = (folder / "seed-0" / METRICS).stat().st_mtime_ns
    run_seeds(name, "smoke", settings, folder, seeds=1, resume=True)
    assert (folder / "seed-0" / METRICS).stat().st_mtime_ns == written
    with pytest.raises(FileExistsError, match="exists"):
        run_seeds(name, "smoke", settings, folder, seeds=1)


def test_models_whose_training_has_not_ended_are_not_evaluated(tmp_path: Path) -> None:
    settings = dynamics_content.Settings(problems=1)
    save_learner(RCE(content_dim=2, sets=2), tmp_path / "published" / WEIGHTS)
    with pytest.raises(FileNotFoundError, match="published has no"):
        dynamics_content.evaluate(settings, tmp_path, 0, full=False)


@pytest.mark.parametrize(("name", "value", "least"), [("steps", 0, 1), ("problems", -5, 1), ("noise", -1, 0)])
def test_counts_that_leave_nothing_to_do_are_refused(name: str, value: int, least: int) -> None:
    with pytest.raises(ValueError, match=f"{name} must be at least {least}, not {value}"):
        dynamics_content.Settings(**{name: value})


def test_no_training_image_is_evaluated_on_and_no_state_is_shown_in_both_sets() -> None:
    settings = dynamics_content.Settings(triples=500, passive=200)
    model = MODELS["published"]
    triples, images = dynamics_content.training_data(model, settings, seed=0)
    held_out = held_out_data(model, "X", seed=0)
    trained = {image.tobytes() for key in ("observation", "next_observation") for image in triples[key]}
    assert trained.isdisjoint(image.tobytes() for image in held_out["observation"])
    rendered = environment(model, "Y").render_factors({"position": triples["position"]})
    assert {image.tobytes() for image in rendered}.isdisjoint(image.tobytes() for image in images)
    assert np.isfinite(triples["action"]).all()
