"""The encoders that ship: their trivial baselines, their oracle, their figures."""

from typing import Any

import gymnasium as gym
import numpy as np
import torch

from unknot.experiments import encoders
from unknot.experiments.common.codes import oracle, sample_images
from unknot.experiments.common.study import CEILING
from unknot.representation import load_learner
from unknot.representation.learner import find_weights
from unknot.representation.metrics import Score, evaluate_codes
from unknot.representation.metrics.components import encode_factors


def test_the_untrained_encoder_has_the_network_and_none_of_the_weights() -> None:
    path = encoders.ENCODERS["maze"]["selectivity"]
    learner = load_learner(f"pretrained/{path}")
    source = encoders._source("maze")
    baselines = encoders._baselines(source, [learner], fitted=40, seed=0)
    untrained, again = (
        baselines[encoders.UNTRAINED],
        encoders._baselines(source, [learner], fitted=40, seed=0),
    )
    assert untrained.settings() == learner.settings()
    images = sample_images(source, 5)
    with torch.no_grad():
        codes = [each.encode(images) for each in (learner, untrained, again[encoders.UNTRAINED])]
        components = baselines[encoders.COMPONENTS].encode(images)
    assert not torch.allclose(codes[0], codes[1], atol=0.01)
    assert torch.equal(codes[1], codes[2])
    assert components.shape == codes[0].shape


def test_true_factors_are_a_perfect_code_in_every_environment() -> None:
    for environment in encoders.ENVIRONMENTS:
        scores = evaluate_codes(
            np.asarray, oracle(encoders._source(environment)), ["mig", "factor_vae"], samples=400
        )
        assert scores["mig"].value > 0.75  # of few samples in many bins, information is overestimated
        assert scores["factor_vae"].value == 1


def test_a_net_for_depth_and_camera_encodes_its_environments_observations() -> None:
    source = encoders._source("grasps")
    learner = load_learner("pretrained/" + encoders.ENCODERS["grasps"]["geometry-aware grasping net"])
    seen = encoders._seen(source, learner)
    factors = source.sample_factors(3, np.random.default_rng(0))
    codes = encode_factors(learner.encode, seen, factors)
    env: Any = gym.make(encoders.GRASP)
    for row, code in enumerate(codes):
        scene = {name: values[row] for name, values in factors.items()}
        observation, _ = env.reset(seed=0, options={"factors": scene})
        batch = {name: observation[name][None] for name in learner.entries}
        assert np.allclose(learner.encode(batch)[0], code, atol=1e-5)  # type: ignore[arg-type]


def test_every_encoder_is_of_an_environment_that_the_table_has() -> None:
    assert encoders.ENCODERS.keys() == encoders.ENVIRONMENTS.keys()
    for paths in encoders.ENCODERS.values():
        assert all(find_weights(f"pretrained/{path}").is_file() for path in paths.values())


def test_too_wide_codes_have_no_diagram() -> None:
    def scores(dimensions: int) -> dict[str, dict[str, Score]]:
        parts = {"importances": np.ones((dimensions, 2))}
        return {"an encoder": {"dci": Score(0.5, (0.4, 0.6), parts, {"factors": ["x", "y"]})}}

    mig = Score(0.5, (0.4, 0.6), {}, {})
    figures = encoders.diagrams(
        {
            "planar, solid": scores(encoders.WIDEST),
            "grasps": scores(2) | {"wide": scores(encoders.WIDEST + 1)["an encoder"]},
            "maze": {"an encoder": {"mig": mig}},
        }
    )
    assert figures.keys() == {"hinton-planar-solid"}
    assert figures["hinton-planar-solid"].axes[0].get_title() == "an encoder\nDCI 0.50"


def test_the_headline_compares_the_split_with_an_untrained_encoder() -> None:
    def scores(value: float, metric: str = "dci") -> dict[str, Any]:
        return {metric: {"value": value, "interval": [0.0, 1.0]}}

    rows = {name: scores(0.9) for name in encoders.ENCODERS["planar"]}
    rows |= {encoders.UNTRAINED: scores(0.1), CEILING: scores(1.0)}
    (found,) = encoders.headlines([{"encoders": {"planar": rows}}])
    assert (found.ours, found.met) == ("0.90", True)
    assert found.floor.startswith("0.10")
    without = {name: scores(0.5, "mig") for name in rows}
    assert encoders.headlines([{"encoders": {"planar": without}}])[0].ours == "not measured"
