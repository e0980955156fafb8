"""How fast does every learner learn, and how much of the time is its layers' and the core's own peak?

Every class of `unknot.learners` that learns by updates, at its default settings, from random batches that
wait in memory; one thread, seconds of the processor. Layers: the share of an update's time in convolutions,
matrix products and recurrent cells, forwards and backwards; what is left is activations, losses, optimisers
and Python. Peak: floating-point operations of convolutions and matrix products in a second, beside a product
of two large matrices on the same core. Fused recurrent cells are not counted, so text has
less than it does. With --compile, also samples a second with every part of a learner by `torch.compile`,
which needs a compiler for C++.

    python benchmarks/learners.py
"""

import argparse
import time
from collections.abc import Callable
from importlib import import_module
from typing import Any, NamedTuple

import torch
from torch import Tensor
from torch.utils._python_dispatch import TorchDispatchMode
from torch.utils.flop_counter import flop_registry

from unknot.learners import LEARNERS
from unknot.models.text.vocabulary import END
from unknot.representation import Trainable

Batch = dict[str, Tensor]

FUSED = ("mkldnn_rnn_layer", "mkldnn_rnn_layer_backward")
"""Operations of layers besides those whose floating-point operations PyTorch counts."""
SIDE = 1536
"""Rows and columns of the matrices whose product is the peak."""
WORDS = tuple(f"word{k}" for k in range(5000))
LETTERS = tuple("abcdefghijklmnopqrstuvwxyz ")
MOVES = 4


class Case(NamedTuple):
    """How a learner is measured: settings that have no default, and a batch of n samples for it."""

    settings: dict[str, Any]
    batch: Callable[[Any, int], Batch]
    samples: int = 64


def main() -> None:
    """Measure and print a table."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--seconds", type=float, default=2.0, help="of updates of each learner")
    parser.add_argument("--compile", action="store_true", help="also with every part by torch.compile")
    parser.add_argument("learners", nargs="*", help="some classes alone")
    options = parser.parse_args()
    torch.set_num_threads(1)
    peak = peak_rate()
    print(f"{'peak':34}{'':>8}{'':>11}{peak / 1e9:11,.0f} GFLOP a second")
    print(f"{'':34}{'samples':>8}{'a second':>11}{'GFLOP':>8}{'layers':>8}{'peak':>7}", end="")
    print(f"{'compiled':>11}" if options.compile else "")
    for name in options.learners or CASES:
        case = CASES[name]
        torch.manual_seed(0)
        learner = getattr(import_module(LEARNERS[name]), name)(**case.settings)
        batch = case.batch(learner, case.samples)
        seconds = seconds_of(learner, batch, options.seconds)
        with Layers() as layers:
            learner.update(batch)
        print(
            f"{name:34}{case.samples:8}{case.samples / seconds:11,.0f}{layers.operations / 1e9:8.2f}"
            f"{layers.seconds / seconds:8.0%}{layers.operations / seconds / peak:7.0%}",
            end="",
        )
        if options.compile:
            for part in learner.children():
                part.compile()
            print(f"{case.samples / seconds_of(learner, batch, options.seconds):11,.0f}", end="")
        print(flush=True)


def peak_rate() -> float:
    """Return the floating-point operations of a large matrix product in a second."""
    one, other = torch.rand(SIDE, SIDE), torch.rand(SIDE, SIDE)
    best = float("inf")
    for _ in range(8):
        start = time.process_time()
        torch.mm(one, other)
        best = min(best, time.process_time() - start)
    return 2 * SIDE**3 / best


def seconds_of(learner: Trainable, batch: Batch, enough: float) -> float:
    """Return the seconds of an update."""
    for _ in range(2):
        learner.update(batch)
    start, updates = time.process_time(), 0
    while not updates or time.process_time() - start < enough:
        learner.update(batch)
        updates += 1
    return (time.process_time() - start) / updates


class Layers(TorchDispatchMode):  # type: ignore[no-untyped-call]
    """Adds up the time and the floating-point operations of layers, forwards and backwards."""

    def __init__(self) -> None:
        super().__init__()  # type: ignore[no-untyped-call]
        self.seconds, self.operations = 0.0, 0

    def __torch_dispatch__(
        self, func: Any, types: Any, args: tuple[Any, ...] = (), kwargs: dict[str, Any] | None = None
    ) -> Any:
        """Do an operation."""
        start = time.process_time()
        result = func(*args, **kwargs or {})
        kind = func.overloadpacket
        if kind in flop_registry:
            self.operations += flop_registry[kind](*args, **kwargs or {}, out_val=result)
        if kind in flop_registry or kind.__name__ in FUSED:
            self.seconds += time.process_time() - start
        return result


# Batches


def images(n: int, *shape: int) -> Tensor:
    """Return random images, or videos."""
    return torch.randint(256, (n, *shape), dtype=torch.uint8)


def alone(learner: Any, n: int) -> Batch:
    """Return images."""
    return {"observation": images(n, *learner.shape)}


def labelled(learner: Any, n: int) -> Batch:
    """Return images of two classes."""
    return alone(learner, n) | {"label": torch.arange(n) % 2}


def identities(learner: Any, n: int) -> Batch:
    """Return pairs of images of one identity."""
    return alone(learner, n) | {"other": images(n, *learner.shape)}


def two_sets(learner: Any, n: int) -> Batch:
    """Return images of two sets, with labels."""
    labels = torch.arange(n) % 10
    others = images(n, *learner.other_shape)
    return alone(learner, n) | {"label": labels, "other": others, "other_label": labels}


def changed(learner: Any, n: int) -> Batch:
    """Return images, what they were made of, and by which mechanism."""
    names = ("observation", "canonical", "original")
    return {name: images(n, *learner.shape) for name in names} | {"mechanism": torch.arange(n) % 2}


def triples(learner: Any, n: int) -> Batch:
    """Return what an action did."""
    return alone(learner, n) | {
        "action": torch.randn(n, 2),
        "next_observation": images(n, *learner.shape),
    }


def rollouts(steps: int = 1) -> Callable[[Any, int], Batch]:
    """Return what makes batches of so many moves, all permitted."""

    def batch(learner: Any, n: int) -> Batch:
        shape = (n,) if steps == 1 else (n, steps)
        found = alone(learner, n) | {
            "next_observation": images(n, *learner.shape),
            "action": torch.randint(MOVES, shape),
            "probability": torch.full(shape, 1 / MOVES),
            "action_mask": torch.ones(*shape, MOVES, dtype=torch.bool),
        }
        return found if steps == 1 else found | {"between": images(n, steps - 1, *learner.shape)}

    return batch


def videos(frames: int) -> Callable[[Any, int], Batch]:
    """Return what makes batches of videos of so many frames."""
    return lambda learner, n: {"observation": images(n, frames, *learner.shape)}


def sentences(learner: Any, n: int) -> Batch:
    """Return sentences of 15 words, of two labels."""
    tokens = torch.randint(4, 4 + len(WORDS), (n, 16))
    tokens[:, -1] = END
    return {"observation": tokens, "label": torch.arange(n) % 2}


def translated(learner: Any, n: int) -> Batch:
    """Return sentences of 60 characters with translations and parts of speech."""
    found, other = (torch.randint(4, 4 + len(LETTERS), (n, 61)) for _ in range(2))
    found[:, -1] = other[:, -1] = END
    return {"observation": found, "de": other, "pos": found.where(found < 4, 4 + found % 2)}


def factors(learner: Any, n: int) -> Batch:
    """Return images with two factors each."""
    return alone(learner, n) | {"x": torch.rand(n), "y": torch.rand(n), "kind": torch.arange(n) % 3}


def grasps(learner: Any, n: int) -> Batch:
    """Return a plate below a camera that looks straight down from 0.6 m, and grasps of it."""
    view = torch.eye(4)
    view[2, 3] = -0.6
    projection = torch.diag(torch.tensor([3.0, 3.0, -1.1, 0.0]))
    projection[2, 3], projection[3, 2] = -0.21, -1.0
    depth, mask = torch.full((n, 64, 64), 0.6), torch.zeros(n, 64, 64, dtype=torch.bool)
    depth[:, 24:40, 24:40], mask[:, 24:40, 24:40] = 0.55, True
    return {
        **{"image": images(n, 64, 64, 3), "depth": depth},
        **{"view": view.expand(n, 4, 4), "projection": projection.expand(n, 4, 4)},
        **{"target_depth": depth[:, None], "target_mask": mask[:, None]},
        "target_view": view.expand(n, 1, 4, 4),
        **{"pose": 0.05 * torch.randn(n, 3, 6), "success": torch.rand(n, 3) < 0.5},
    }


TEXT: dict[str, Any] = {"vocabulary": WORDS}
SMALL: dict[str, Any] = {"shape": (32, 32, 3)}
CASES: dict[str, Case] = {
    "RCE": Case({}, triples),
    "E2C": Case({}, triples),
    "Selectivity": Case({"actions": MOVES}, rollouts()),
    "SceneSelectivity": Case({"actions": MOVES}, rollouts()),
    "MultistepSelectivity": Case({"actions": MOVES}, rollouts(2)),
    "DiscreteSelectivity": Case({"actions": MOVES}, rollouts()),
    "Autoencoder": Case({}, alone),
    **{
        name: Case({}, alone)
        for name in ("VAE", "CapacityVAE", "DIPVAE", "FactorVAE", "BetaTCVAE", "InfoGAN")
    },
    "FactorReader": Case({"sizes": {"kind": 3}}, factors),
    "FactorGenerator": Case({"factors": {"x": (0.5, 0.3), "y": (0.5, 0.3)}}, factors),
    "GraspNet": Case({}, grasps, 8),
    "PenalisedAutoencoder": Case({}, lambda learner, n: {"observation": images(n, 32, 32, 3)}),
    **{name: Case(SMALL, alone, 32) for name in ("MultiEntityVAE", "SceneVAE", "SlotAttention")},
    **{name: Case(SMALL, changed, 32) for name in ("CompetingExperts", "SwitchExperts", "RoutedExperts")},
    **{name: Case({}, labelled) for name in ("Classifier", "SingleClassifier", "Embedding")},
    **{name: Case({}, two_sets) for name in ("PairedClassifier", "JADE", "JADEDecoder")},
    **{name: Case({}, identities, 16) for name in ("SDGAN", "SDBEGAN", "AdaGVAE")},
    **{name: Case(SMALL, videos(32), 32) for name in ("MoCoGAN", "VGAN")},
    "SequentialVAE": Case(SMALL, videos(16), 4),
    "IndependentPredictor": Case(SMALL, videos(10), 16),
    **{
        name: Case(TEXT, sentences)
        for name in (
            *("SentenceAutoencoder", "LanguageModel", "SentenceClassifier", "ARAE"),
            *("CrossAlignedAutoencoder", "DenoisingAdversarialAutoencoder", "MMDTraversal"),
        )
    },
    "MultitaskAutoencoder": Case(
        {"vocabulary": LETTERS, "decoders": ("rep", "de", "pos"), "tags": ("N", "V")}, translated
    ),
    "AttributeTransfer": Case(TEXT | {"nouns": WORDS[:100], "warm_up": 0}, sentences),
}
"""How each learner is measured, by its name. Without PCA, which has no updates, `LatentMoves`, which learns
from codes, and `StackedNetworks`, whose layers a user gives."""


if __name__ == "__main__":
    main()
