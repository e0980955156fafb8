"""The contract of every learner of `unknot.learners`: settings, files, updates, seeds, exact resumes."""

import json
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch import Tensor

from unknot.learners import LEARNERS
from unknot.representation import (
    WEIGHTS,
    Learner,
    Trainable,
    load_learner,
    register_learner,
    save_learner,
    train,
)

Batch = dict[str, Tensor]


class Case(NamedTuple):
    """How a class is tested: small settings, and a batch for each step."""

    settings: dict[str, Any]
    batch_at: Callable[[int], Batch]


def images(step: int, *shape: int) -> Tensor:
    """Return random uint8 images of a shape (n, height, width, channels), the same for the same step."""
    return torch.from_numpy(np.random.default_rng(step).integers(0, 256, shape, dtype=np.uint8))


def still(*shape: int) -> Callable[[int], Batch]:
    return lambda step: {"observation": images(step, *shape)}


def triples(step: int) -> Batch:
    action = np.random.default_rng(step).uniform(-3, 3, (8, 2)).astype(np.float32)
    return {
        "observation": images(step, 8, 8, 12, 1),
        "action": torch.from_numpy(action),
        "next_observation": images(step + 100, 8, 8, 12, 1),
    }


def triples_of_two_sets(step: int) -> Batch:
    return triples(step) | {"passive": images(step + 200, 8, 1, 8, 12, 1)}


def rollouts(steps: int = 1) -> Callable[[int], Batch]:
    """Return batches like those of `interactions`: four actions, all permitted, `steps` of them."""

    def batch_at(step: int) -> Batch:
        shape = (8,) if steps == 1 else (8, steps)
        batch = {
            "observation": images(step, 8, 16, 16, 3),
            "next_observation": images(step + 100, 8, 16, 16, 3),
            "action": torch.from_numpy(np.random.default_rng(step).integers(4, size=shape)),
            "probability": torch.full(shape, 0.25),
            "action_mask": torch.ones(*shape, 4, dtype=torch.bool),
        }
        return batch if steps == 1 else batch | {"between": images(step + 200, 8, steps - 1, 16, 16, 3)}

    return batch_at


def episodes(step: int) -> Batch:
    codes = np.random.default_rng(step).normal(size=(4, 4, 2)).astype(np.float32)
    return {
        "images": images(step, 4, 4, 16, 16, 3),
        "codes": torch.from_numpy(codes),
        "action": torch.from_numpy(np.random.default_rng(step).integers(2, size=(4, 3))),
    }


def grasps(step: int) -> Batch:
    """Return a box below a camera that looks straight down from 0.6 m, and random grasps of it."""
    view = torch.eye(4)
    view[2, 3] = -0.6
    projection = torch.diag(torch.tensor([3.0, 3.0, -1.1, 0.0]))
    projection[2, 3], projection[3, 2] = -0.21, -1.0
    depth, mask = torch.full((2, 64, 64), 0.6), torch.zeros(2, 64, 64, dtype=torch.bool)
    depth[:, 24:40, 24:40], mask[:, 24:40, 24:40] = 0.55, True
    generator = torch.Generator().manual_seed(step)
    return {
        "image": images(step, 2, 64, 64, 3),
        "depth": depth,
        "view": view.expand(2, 4, 4),
        "projection": projection.expand(2, 4, 4),
        "target_depth": depth[:, None],
        "target_mask": mask[:, None],
        "target_view": view.expand(2, 1, 4, 4),
        "pose": 0.05 * torch.randn(2, 3, 6, generator=generator),
        "success": torch.rand(2, 3, generator=generator) < 0.5,
    }


def labelled(step: int) -> Batch:
    return still(6, 8, 8, 3)(step) | {"label": torch.tensor([0, 0, 0, 1, 1, 1])}


def changed_and_canonical(step: int) -> Batch:
    names = ("observation", "canonical", "original")
    batch = {name: images(step + 100 * k, 8, 8, 8, 1) for k, name in enumerate(names)}
    return batch | {"mechanism": torch.arange(8) % 2}


def pairs(step: int) -> Batch:
    labels = torch.tensor([0, 1, 0, 1])
    batch = still(4, 8, 8, 3)(step) | {"label": labels, "other": images(step + 100, 4, 8, 8, 1)}
    return batch | {"other_label": labels}


def of_one_identity(step: int) -> Batch:
    return still(4, 16, 16, 3)(step) | {"other": images(step + 100, 4, 16, 16, 3)}


def read(step: int) -> Batch:
    return still(6, 8, 8, 3)(step) | {"yaw": torch.tensor([0, 0, 1, 1, 2, 2]), "light": torch.arange(6) % 2}


def factors(step: int) -> Batch:
    values = np.random.default_rng(step).uniform(size=(2, 8)).astype(np.float32)
    return still(8, 8, 8, 1)(step) | {"x": torch.from_numpy(values[0]), "y": torch.from_numpy(values[1])}


def sentences(step: int) -> Batch:
    """Return sentences of 1 to 5 of four words, as symbols that end with END, 2, and PAD, 0."""
    rng = np.random.default_rng(step)
    tokens = np.where(np.arange(6) < rng.integers(1, 6, (8, 1)), rng.integers(4, 8, (8, 6)), 0)
    tokens[np.arange(8), (tokens > 0).sum(1)] = 2
    return {"observation": torch.from_numpy(tokens), "label": torch.arange(8) % 2}


def translated_sentences(step: int) -> Batch:
    """Return `sentences`, others as their translations, and parts of speech, one of two names each."""
    tokens, other = sentences(step)["observation"], sentences(step + 1000)["observation"]
    return {"observation": tokens, "de": other, "pos": tokens.where(tokens < 4, 4 + tokens % 2)}


def videos(step: int) -> Batch:
    return {"observation": images(step, 4, 3, 8, 8, 3), "category": torch.tensor([0, 1, 1, 0])}


def vectors(step: int) -> Batch:
    inputs = torch.from_numpy(np.random.default_rng(step).normal(size=(8, 2, 4)).astype(np.float32))
    return {"input": inputs, "target": inputs}


EXPERTS: dict[str, Any] = {"shape": (8, 8, 1), "experts": 3, "width": 2, "layers": 2}
EXPERTS |= {"discriminator_width": 2, "identity_steps": 1, "steps": 4}
AUTOENCODER: dict[str, Any] = {"shape": (8, 8, 1), "latent_dim": 3, "width": 2, "hidden": 4}
IDENTITIES: dict[str, Any] = {"shape": (16, 16, 3), "identity_dim": 2, "observation_dim": 3, "width": 2}
PLANE: dict[str, Any] = {"shape": (8, 12, 1), "landmarks": 4, "steps": 4}
SCENE: dict[str, Any] = {"shape": (16, 16, 3), "entities": 2, "entity_dim": 2, "grid": 4, "width": 4}
SCENE |= {"hidden": 4, "maps": 2, "steps": 4}
CLASSIFIER: dict[str, Any] = {"shape": (8, 8, 3), "latent_dim": 2, "classes": 2, "width": 4, "hidden": 4}
PAIRED: dict[str, Any] = CLASSIFIER | {"other_shape": (8, 8, 1)}
SELECTIVE: dict[str, Any] = {"actions": 4, "shape": (16, 16, 3), "factors": 4, "steps": 4}
TEXT: dict[str, Any] = {"vocabulary": ("a", "b", "c", "d"), "longest": 5, "embedding": 4}

VIDEO: dict[str, Any] = {"shape": (8, 8, 3), "frames": 2, "length": 2, "clips": 2, "width": 2}
VIDEO |= {"discriminator_width": 2}

CASES: dict[str, Case] = {
    "RCE": Case(PLANE | {"content_dim": 2, "sets": 2, "views": True}, triples_of_two_sets),
    "E2C": Case(PLANE | {"latent_dim": 3}, triples),
    "Selectivity": Case(SELECTIVE | {"baseline": True}, rollouts()),
    "SceneSelectivity": Case(SELECTIVE, rollouts()),
    "MultistepSelectivity": Case(SELECTIVE | {"horizon": 2, "names": 3}, rollouts(2)),
    "DiscreteSelectivity": Case({"shape": (16, 16, 3), "actions": 4, "features": 3, "steps": 4}, rollouts()),
    "Autoencoder": Case({"shape": (8, 8, 1), "latent_dim": 3}, still(4, 8, 8, 1)),
    "LatentMoves": Case(
        {
            "moves": [[1.0, 0.0], [0.0, 1.0]],
            "actions": [0, 1],
            "centre": [0.0, 0.0],
            "shape": (16, 16, 3),
            "steps": 4,
        },
        episodes,
    ),
    "GraspNet": Case({"width": 2, "hidden": 8, "shape_steps": 2, "outcome_steps": 2}, grasps),
    "VAE": Case(AUTOENCODER | {"network": "dense", "noise": 0.1, "warm_up": 2}, still(8, 8, 8, 1)),
    "CapacityVAE": Case(AUTOENCODER | {"growth": 3}, still(8, 8, 8, 1)),
    "DIPVAE": Case(AUTOENCODER | {"kind": "II"}, still(8, 8, 8, 1)),
    "FactorVAE": Case(AUTOENCODER | {"discriminator_width": 4, "discriminator_layers": 2}, still(8, 8, 8, 1)),
    "BetaTCVAE": Case(AUTOENCODER, still(8, 8, 8, 1)),
    "InfoGAN": Case(
        {"shape": (8, 8, 1), "latent_dim": 2, "noise_dim": 1, "width": 2, "critic_updates": 2},
        still(8, 8, 8, 1),
    ),
    "PCA": Case({"shape": (8, 8, 1), "latent_dim": 3}, still(8, 8, 8, 1)),
    "FactorGenerator": Case(
        {
            "factors": {"x": (0.5, 0.3), "y": (0.5, 0.3)},
            "shape": (8, 8, 1),
            "growth": 3,
            "width": 2,
            "hidden": 4,
        },
        factors,
    ),
    "StackedNetworks": Case(
        {"sizes": [4, 3, 4], "weights": [0.1, 0.2], "penalties": ["covariance", "l1"], "steps": 4}, vectors
    ),
    "PenalisedAutoencoder": Case({"code_dim": 4}, still(4, 32, 32, 3)),
    "MultiEntityVAE": Case(SCENE | {"suppress": True}, still(4, 16, 16, 3)),
    "SceneVAE": Case(SCENE, still(4, 16, 16, 3)),
    "SlotAttention": Case(
        {"shape": (16, 16, 3), "slots": 2, "slot_dim": 4, "width": 4, "steps": 4}, still(4, 16, 16, 3)
    ),
    "IndependentPredictor": Case(
        {"shape": (8, 8, 3), "factor_dim": 2, "width": 2, "hidden": 4, "warm_up": 3}, still(4, 3, 8, 8, 3)
    ),
    "CompetingExperts": Case(
        EXPERTS | {"identity": "each", "revive_every": 2, "r1": 0.1, "losers": 1}, changed_and_canonical
    ),
    "SwitchExperts": Case(EXPERTS | {"discriminator": "strided", "router_width": 2}, changed_and_canonical),
    "RoutedExperts": Case(
        {"shape": (8, 8, 1), "experts": 2, "width": 2, "layers": 2, "steps": 4}, changed_and_canonical
    ),
    "Classifier": Case({"shape": (8, 8, 3), "classes": 2, "width": 2}, labelled),
    "SDGAN": Case(IDENTITIES | {"norm": True}, of_one_identity),
    "SDBEGAN": Case(IDENTITIES | {"halve_every": 2}, of_one_identity),
    "AdaGVAE": Case(
        {"shape": (16, 16, 3), "latent_dim": 3, "width": 2, "hidden": 4, "beta": 2.0}, of_one_identity
    ),
    "FactorReader": Case(
        {"sizes": {"yaw": 3, "light": 2}, "shape": (8, 8, 3), "width": 2, "hidden": 4}, read
    ),
    "Embedding": Case(
        {"shape": (8, 8, 3), "latent_dim": 3, "dimensions": 2, "width": 2, "hidden": 4}, labelled
    ),
    "SingleClassifier": Case(CLASSIFIER | {"batch_norm": True}, labelled),
    "PairedClassifier": Case(PAIRED | {"alignment": 0.5}, pairs),
    "SentenceAutoencoder": Case(TEXT | {"hidden": 4}, sentences),
    "LanguageModel": Case(TEXT | {"hidden": 4}, sentences),
    "SentenceClassifier": Case(TEXT | {"filters": 2, "hidden": 4}, sentences),
    "ARAE": Case(TEXT | {"hidden": 4, "noise_dim": 2, "width": 4, "steps": 4, "critic_steps": 2}, sentences),
    "AttributeTransfer": Case(
        TEXT | {"hidden": 4, "filters": 2, "steps": 4, "nouns": ["a"], "collusion": True}, sentences
    ),
    "CrossAlignedAutoencoder": Case(TEXT | {"hidden": 4, "filters": 2, "steps": 4}, sentences),
    "DenoisingAdversarialAutoencoder": Case(
        TEXT | {"hidden": 4, "code_dim": 3, "width": 4, "steps": 4}, sentences
    ),
    "MultitaskAutoencoder": Case(
        TEXT | {"decoders": ("rep", "de", "pos"), "tags": ("N", "V"), "hidden": 4, "code_dim": 3, "steps": 4},
        translated_sentences,
    ),
    "MMDTraversal": Case(TEXT | {"hidden": 4, "filters": 2, "steps": 4, "examples": 3}, sentences),
    "JADEDecoder": Case(PAIRED | {"style_dim": 3, "batch_norm": True, "steps": 4}, pairs),
    "JADE": Case(PAIRED | {"style_dim": 3, "batch_norm": True, "warm_up": 3}, pairs),
    "MoCoGAN": Case(VIDEO | {"categories": 2, "warm_up": 1, "length": 3, "weight_decay": 0.1}, videos),
    "VGAN": Case(VIDEO | {"latent_dim": 2}, videos),
    "SequentialVAE": Case(
        {
            "shape": (8, 8, 3),
            "length": 3,
            "content_dim": 2,
            "motion_dim": 3,
            "width": 2,
            "hidden": 4,
            "steps": 4,
        },
        videos,
    ),
}
"""By class name."""


def case(name: str) -> Case:
    if name not in CASES:
        pytest.fail(
            f"add an entry {name!r} to CASES: small settings of the class and a function step -> batch"
        )
    return CASES[name]


def make(name: str, seed: int = 0) -> Trainable:
    torch.manual_seed(seed)
    learner = getattr(import_module(LEARNERS[name]), name)(**case(name).settings)
    assert isinstance(learner, Trainable)
    torch.manual_seed(seed + 1)
    return learner


def trained(name: str, steps: int, seed: int = 0, **options: Any) -> Trainable:
    learner = make(name, seed)
    train(learner, case(name).batch_at, steps, progress=False, **options)
    return learner


def same(a: Trainable, b: Trainable) -> bool:
    """Say whether weights and buffers are equal, NaN to NaN."""
    mine, theirs = a.state_dict(), b.state_dict()
    return mine.keys() == theirs.keys() and all(
        np.array_equal(mine[name].numpy(), theirs[name].numpy(), equal_nan=mine[name].is_floating_point())
        for name in mine
    )


def codes_of(learner: Learner, batch: Batch) -> Tensor:
    observation: Any = {name: batch[name] for name in learner.entries} or batch["observation"]
    with torch.no_grad():
        return learner.encode(observation)


def test_every_learner_has_a_case() -> None:
    assert CASES.keys() <= LEARNERS.keys()
    for name in LEARNERS:
        case(name)


@pytest.mark.parametrize("name", LEARNERS)
def test_settings_survive_json_and_rebuild_the_learner(name: str) -> None:
    learner = make(name)
    torch.manual_seed(0)
    again = type(learner)(**json.loads(json.dumps(learner.settings())))
    assert again.settings() == learner.settings()
    assert same(again, learner)


@pytest.mark.parametrize("name", LEARNERS)
def test_an_update_changes_the_learner_and_gives_finite_scalars_and_a_file_brings_it_back(
    name: str, tmp_path: Path
) -> None:
    learner = make(name).train()
    batch = case(name).batch_at(0)
    scalars = learner.update(batch)
    assert scalars
    assert np.isfinite([float(value) for value in scalars.values()]).all()
    assert not same(learner, make(name))
    save_learner(learner.eval(), tmp_path / WEIGHTS)
    again = load_learner(tmp_path / WEIGHTS, kind=type(learner))
    assert again.settings() == learner.settings()
    assert same(again, learner)
    if isinstance(learner, Learner):
        codes = codes_of(learner, batch)
        assert codes.ndim == 2
        assert len(codes) == len(next(iter(batch.values())))
        assert codes.isfinite().all()
        assert torch.equal(codes_of(load_learner(tmp_path / WEIGHTS), batch), codes)


@pytest.mark.parametrize("name", LEARNERS)
def test_a_seed_repeats_its_weights_and_a_resumed_training_equals_an_uninterrupted_one(
    name: str, tmp_path: Path
) -> None:
    whole = trained(name, 4)
    trained(name, 2, folder=tmp_path)
    resumed = trained(name, 4, seed=7, folder=tmp_path, resume=True)
    assert same(resumed, whole)
    assert not same(trained(name, 4, seed=7), whole)


class Mine(Learner):
    """A user's learner: a scaled mean of the pixels."""

    def __init__(self, *, scale: float = 2.0) -> None:
        super().__init__()
        self.scale = torch.nn.Parameter(torch.tensor(scale))
        self.optimizers = {"sgd": torch.optim.SGD(self.parameters(), 0.1)}

    def encode(self, images: NDArray[np.uint8] | Tensor) -> Tensor:
        return self.scale * torch.as_tensor(images).float().mean((1, 2))

    def update(self, batch: Mapping[str, Tensor]) -> dict[str, float | Tensor]:
        return {}


def test_a_users_learner_can_be_registered(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("unknot.representation.learner.LEARNERS", dict(LEARNERS))
    assert register_learner(Mine) is Mine
    assert register_learner(Mine) is Mine  # a module that is imported twice
    save_learner(Mine(scale=3.0), tmp_path / WEIGHTS)
    assert load_learner(tmp_path / WEIGHTS, kind=Mine).settings() == {"scale": 3.0}
    with pytest.raises(ValueError, match=r"name of its own; VAE is one of unknot\.models\.image\.vae"):
        register_learner(type("VAE", (Mine,), {}))
