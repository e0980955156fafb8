"""Experiments with the variational family: what they measure, by hand, and what their tables count."""

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from unknot.experiments import capacity_vae, dip_vae, encoders, factor_vae, quantifying_beta
from unknot.experiments.capacity_vae import generator, tables
from unknot.experiments.common.codes import zero_collapsed
from unknot.experiments.common.study import CEILING, Study, Training, ceiling, measure, reconstruction
from unknot.experiments.common.tables import title
from unknot.experiments.quantifying_beta.data import shapes, split
from unknot.files import METRICS, WEIGHTS, write_json
from unknot.models.data.blob import Blob
from unknot.models.data.nuisance import Nuisance
from unknot.models.data.selection import Selection
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.image.factor_generator import UNIFORM_SHARE, FactorGenerator
from unknot.models.image.vae import VAE
from unknot.representation import save_learner


def tiny() -> VAE:
    torch.manual_seed(0)
    return VAE(shape=(8, 8, 1), latent_dim=3, width=2, hidden=4)


def test_a_code_without_orientation_is_perfect_by_the_older_metric_alone() -> None:
    scores = factor_vae.failure(factor_vae.Settings(votes=40))
    assert scores["higgins"] > 0.98
    assert scores["factor_vae"] < 0.85


def test_centre_and_size_are_read_off() -> None:
    image = np.zeros((1, 10, 10, 1), np.uint8)
    image[0, 2:6, 5:9] = 255
    np.testing.assert_allclose(factor_vae.places_and_size(image), [[6.5, 3.5, 4]])


def test_nats_of_a_perfect_reconstruction_are_none() -> None:
    learner = tiny()
    images = np.full((4, 8, 8, 1), 64, np.uint8)
    grey = torch.full((1, 8, 8), 64 / 255).logit()
    learner.decoder = torch.nn.Sequential(torch.nn.Linear(3, 64), torch.nn.Unflatten(1, (1, 8, 8)))
    linear = learner.decoder[0]
    assert isinstance(linear, torch.nn.Linear)
    linear.weight.data.zero_()
    linear.bias.data.copy_(grey.flatten())
    perfect = reconstruction(learner, images)
    assert perfect["nats"] == pytest.approx(0, abs=1e-4)
    assert perfect["error"] == pytest.approx(0, abs=1e-10)
    linear.bias.data.zero_()  # decodes to 1/2 everywhere
    p = 64 / 255
    expected = 64 * (np.log(2) + p * np.log(p) + (1 - p) * np.log(1 - p))
    assert reconstruction(learner, images)["nats"] == pytest.approx(expected, rel=1e-4)
    assert reconstruction(learner, images)["error"] == pytest.approx((0.5 - p) ** 2, rel=1e-4)


def test_collapsed_dimensions_are_measured_as_0() -> None:
    learner = tiny()
    images = np.random.default_rng(0).integers(0, 256, (50, 8, 8, 1), np.uint8)
    last = learner.encoder[-1]
    assert isinstance(last, torch.nn.Linear)
    last.bias.data[3] = -4.0  # the variance of the first dimension alone is not the prior's
    codes = zero_collapsed(learner, images, 0.5)(images)
    assert isinstance(codes, torch.Tensor)
    torch.testing.assert_close(codes[:, 0], learner.encode(images)[:, 0])
    assert not codes[:, 1:].any()
    assert learner.encode(images)[:, 1:].std(0).min() > 0
    torch.testing.assert_close(zero_collapsed(learner, images, 100.0)(images), learner.encode(images))


@pytest.mark.parametrize(
    ("places", "scale", "shape", "orientation", "right"),
    [
        ((1.0, 1.5), 3.0, 5.0, 7.0, True),
        ((1.0, 3.5), 3.0, 5.0, 7.0, False),
        ((1.0, 1.0), 3.0, 7.0, 5.0, False),
        ((1.0, 1.0), 3.0, 5.0, None, False),
        ((1.0, 1.0), 3.0, 5.0, 5.0, False),
    ],
)
def test_factors_enter_in_the_papers_order_or_not(
    places: tuple[float, float], scale: float, shape: float, orientation: float | None, right: bool
) -> None:
    enters = {"x": places[0], "y": places[1], "scale": scale, "shape": shape, "orientation": orientation}
    assert generator.in_order(enters) is right


def test_a_factor_enters_where_it_stays() -> None:
    learner = FactorGenerator(
        factors={"a": (0, 1), "b": (0, 1), "c": (0, 1)}, shape=(8, 8, 1), width=2, hidden=4
    )
    learner.trace[:4] = torch.tensor(
        [[1.0, 1.4, 0, 1.4, 90], [2.0, 0.8, 0.2, 1.4, 80], [3.0, 1.2, 0.4, 1.6, 70], [4.0, 1.8, 0.6, 1.8, 60]]
    )
    found = generator.entries(learner)
    assert found["enters"] == {"a": 3.0, "b": None, "c": 1.0}
    assert found["last"] == pytest.approx({"a": 1.8, "b": 0.6, "c": 1.8})
    assert found["reconstruction"] == 60


def test_the_uniform_share_alone_is_no_entrance() -> None:
    settings = capacity_vae.PRESETS["default"]
    factors = Shapes2D().values
    assert UNIFORM_SHARE * settings.capacity / len(factors) < generator.ENTERS


def scored(metric: float, mig: float, error: float, nats: float = 1.0) -> dict[str, Any]:
    values = {"factor_vae": metric, "higgins": metric, "mig": mig, "dci": 0.0, "sap": 0.0}
    row = {name: {"value": value} for name, value in values.items()}
    views = ("", factor_vae.CONSTANT, factor_vae.SAMPLED)
    sources = [source + view for source in (factor_vae.WITH, factor_vae.WITHOUT) for view in views]
    sources += [dip_vae.WITH, dip_vae.WITHOUT]
    return {"error": error, "nats": nats, "kl": None, "scores": dict.fromkeys(sources, row)}


def test_a_generator_is_kept_at_the_papers_capacities() -> None:
    learner = FactorGenerator(factors={"x": (0.0, 1.0)}, shape=(8, 8, 1), capacity=10.0, growth=500)
    stages = generator.stages(learner)
    assert [capacity for capacity, _ in stages] == [3.1, 7.3, 10.0]
    for capacity, updates in stages:
        learner.updates.fill_(updates)
        assert capacity <= float(learner.target()) < capacity + (10.0 - 0.5) / 500 + 1e-5


def test_a_generator_whose_stages_are_all_kept_is_restored(tmp_path: Path) -> None:
    settings = capacity_vae.PRESETS["smoke"]
    steps = settings.generator_steps
    whole, again = (
        generator.train_generator(settings, settings.capacity, steps, tmp_path, 0, resume)
        for resume in (False, True)
    )
    assert int(again.updates) == int(whole.updates) == steps
    torch.testing.assert_close(again.preferences, whole.preferences, rtol=0, atol=0)


def test_the_target_of_factor_vae_is_one_gamma_by_both_metrics() -> None:
    def note(*models: dict[str, Any]) -> str:
        named = {"beta-1": scored(0.99, 0.99, 0), "gamma-10": models[0], "gamma-35": models[1]}
        return factor_vae.tabulate([{"models": named, "failure": {"higgins": 1, "factor_vae": 1}}])[0].notes[
            -1
        ]

    assert "0.90 and 0.50 at γ = 35, met" in note(scored(0.84, 0.1, 0), scored(0.9, 0.5, 0))
    assert "0.90 and 0.40 at γ = 35, missed" in note(scored(0.84, 0.6, 0), scored(0.9, 0.4, 0))


def test_dimensions_that_have_not_collapsed_are_counted() -> None:
    seeds = [
        {
            "models": {"gamma-10": {**scored(0.8, 0.4, 0), "kl": kl}},
            "failure": {"higgins": 1, "factor_vae": 0.75},
        }
        for kl in ([0.5, 0.001, 2.0], [0.5, 0.009, 0.01])
    ]
    table = factor_vae.tabulate(seeds)[0]
    assert dict(zip(table.columns, table.rows[0], strict=False))["dimensions"] == "1.5 ± 0.7"


def test_the_target_of_dip_vae_allows_a_tenth_more_error() -> None:
    def note(dip_error: float, beta: float) -> str:
        models = {
            "beta-1": scored(beta, 0, 0.1),
            "beta-4": scored(1.0, 0, 0.2),
            "dip-10": scored(0.99, 0, dip_error),
        }
        return dip_vae.tabulate([{"models": models}])[0].notes[-1]

    assert note(0.109, 0.8).endswith("0.990, β-VAE 0.800, met.")
    assert note(0.111, 0.8).endswith("0.000, β-VAE 0.800, missed.")
    assert note(0.1, 0.99).endswith("missed.")


def test_controlled_capacity_is_compared_with_what_is_as_disentangled() -> None:
    def beside(better: float, worse: float, metric: float = 0.9) -> str:
        row = {"controlled capacity": (0.8, 0.02), "beta-1": (metric, better), "beta-4": (0.7, worse)}
        models = {
            name: {"error": error, "scores": {"coloured": {"factor_vae": {"value": metric}}}}
            for name, (metric, error) in row.items()
        }
        return tables._beside([{"shapes": models}])

    assert beside(0.03, 0.01) == "met (1 of 2 are)"
    assert beside(0.01, 0.03) == "missed (1 of 2 are)"
    assert beside(0.03, 0.03, metric=0.7) == "none of 2 is, so that nothing is decided"


def test_the_split_shares_no_image_and_no_stratum_is_short() -> None:
    parts, source = split(5, 4), shapes(5, 4)
    images = [source.render_factors(source.combinations(part)) for part in parts]
    assert len({image.tobytes() for part in images for image in part}) == sum(map(len, parts)) < len(source)
    np.testing.assert_allclose(
        [len(part) / sum(map(len, parts)) for part in parts], [0.7, 0.15, 0.15], atol=0.01
    )
    shares = [np.bincount(source.combinations(part)["shape"]) / len(part) for part in parts]
    np.testing.assert_allclose(shares[1:], [shares[0]] * 2, atol=0.02)
    sampled = source.rows(Selection(source, parts[2]).sample_factors(50, np.random.default_rng(0)))
    assert set(sampled) <= set(parts[2])
    with pytest.raises(ValueError, match="rows must be an array"):
        Selection(source, parts[0][:0])


def test_the_true_factors_are_the_ceiling() -> None:
    source = Nuisance(Shapes2D(), "shape")
    metrics = ("higgins", "factor_vae", "mig", "dci")
    study = Study(Training(samples=1000, votes=50), source, {"four": source}, metrics, {})
    scores = ceiling(study)["true factors"]["scores"]["four"]
    for metric in metrics:
        assert scores[metric]["value"] > 0.9, metric


def test_the_models_that_a_folder_has_are_measured_again(tmp_path: Path) -> None:
    source = Blob(pixels=8)
    settings = Training(samples=100, votes=10)
    study = Study(settings, source, {"blob": source}, ("mig",), {"a": tiny, "b": tiny})
    save_learner(tiny(), tmp_path / "a" / WEIGHTS)
    with pytest.raises(FileNotFoundError, match="a has no metrics"):
        study.evaluate(tmp_path, full=True)
    write_json(tmp_path / "a" / METRICS, {})
    again = study.evaluate(tmp_path, full=True)
    assert list(again) == ["a", CEILING]
    assert again["a"] == measure(tiny(), study)[0]


def test_models_are_called_by_their_method() -> None:
    assert title("beta-0.5", factor_vae.METHODS) == "β-VAE, β = 0.5"
    assert title("pca", factor_vae.METHODS) == "principal components"
    assert title("untrained", factor_vae.METHODS) == "untrained"


@pytest.mark.parametrize(
    ("settings", "values", "words"),
    [
        (Training, {"steps": 0}, "steps must be at least 1, not 0"),
        (Training, {"pixels": 48}, "pixels must be 32 or 64, not 48"),
        (factor_vae.Settings, {"gammas": ()}, "gammas must have at least one value"),
        (factor_vae.Settings, {"votes": 5}, "votes must be at least 10, not 5"),
        (dip_vae.Settings, {"betas": (4.0,)}, "betas must have 1 among them"),
        (dip_vae.Settings, {"lambdas": ()}, "lambdas must have at least one value"),
        (capacity_vae.Settings, {"blob_steps": 0}, "blob_steps must be at least 1"),
        (encoders.Settings, {"metrics": ("mgi",)}, "did you mean 'mig'"),
        (quantifying_beta.Settings, {"labels": (0.1, 1.5)}, "labels must be above 0 and at most 1, not 1.5"),
    ],
)
def test_settings_refuse_to_measure_nothing(settings: Any, values: dict[str, Any], words: str) -> None:
    with pytest.raises(ValueError, match=words):
        settings(**values)
