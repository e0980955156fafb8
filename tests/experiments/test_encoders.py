"""The encoders that ship, in one table: their floors and their ceiling."""

import numpy as np
import torch

from unknot.experiments import encoders
from unknot.experiments.variational import Told, draw_images
from unknot.representation import load_learner
from unknot.representation.metrics import evaluate_codes


def test_a_floor_has_the_encoders_network_and_none_of_its_weights() -> None:
    path = encoders.ENCODERS["maze"]["selectivity"]
    learner = load_learner(encoders._shipped(path))
    source = encoders._source("maze")
    floors = encoders._floors(source, [learner], fitted=40, seed=0)
    untrained, again = floors[encoders.UNTRAINED], encoders._floors(source, [learner], fitted=40, seed=0)
    assert untrained.settings() == learner.settings()
    images = draw_images(source, 5)
    with torch.no_grad():
        codes = [each.encode(images) for each in (learner, untrained, again[encoders.UNTRAINED])]
        components = floors[encoders.COMPONENTS].encode(images)
    assert not torch.allclose(codes[0], codes[1], atol=0.01)
    assert torch.equal(codes[1], codes[2])
    assert components.shape == codes[0].shape


def test_true_factors_are_a_perfect_code_in_every_environment() -> None:
    for environment in encoders.ENVIRONMENTS:
        scores = evaluate_codes(
            np.asarray, Told(encoders._source(environment)), ["mig", "factor_vae"], samples=400
        )
        assert scores["mig"].value > 0.75  # of few samples in many bins, information is overestimated
        assert scores["factor_vae"].value == 1


def test_every_encoder_is_of_an_environment_that_the_table_has() -> None:
    assert encoders.ENCODERS.keys() == encoders.ENVIRONMENTS.keys()
    for paths in encoders.ENCODERS.values():
        assert all(encoders._shipped(path).is_file() for path in paths.values())
