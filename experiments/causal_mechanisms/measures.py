"""What models are measured by: who wins what, what a classifier reads, how near the originals are."""

from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy.optimize import linear_sum_assignment
from sklearn.cluster import KMeans

from unknot.agents.intervals import as_digits
from unknot.experiments.causal_mechanisms.data import contents, measured, transformed
from unknot.models.image.classifier import Classifier
from unknot.models.image.competition import CompetingExperts
from unknot.models.image.routed import RoutedExperts
from unknot.representation import Trainable
from unknot.representation.metrics import assignment_matrix, hungarian_accuracy, one_to_one, psnr

Images = NDArray[np.uint8]
Integers = NDArray[np.int64]

AT_ONCE = 100
"""Images that experts take at once."""
CURVE = 10
"""The curves are measured on one in so many images."""
STAGES = (0.0, 0.025, 0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9, 1.0)
"""Shares of the updates after which ours is kept, for curves."""
USED = 0.01
"""Share of all images that an expert wins which is in use."""
CLUSTERED = 5000
"""Images that k-means learns from."""


def stages(updates: int) -> list[int]:
    """Return the updates after which ours is kept."""
    return sorted({max(round(share * updates), 1) for share in STAGES})


# Measures


def measure(learner: Trainable, classifier: Classifier, pixels: int, samples: int) -> dict[str, Any]:
    """Measure a model on test digits, and on other content.

    Args:
        learner: `CompetingExperts`, or `RoutedExperts`, which is told the mechanisms.
        classifier: of canonical digits.
        pixels: side of the images.
        samples: images of each content.

    Returns:
        `matrix`, the share of each mechanism's images that each expert wins; `hungarian`; `own`, of which
        mechanisms an expert of their own wins at least 95%; `used`, experts that win images at all;
        `accuracy` of the classifier on what is repaired, `accuracies` for each mechanism and `outcomes`;
        `psnr` for each mechanism, by the expert that wins; `transfer`, for each content the share that the
        mechanism's expert wins and the PSNR of that expert for each mechanism.
    """
    factors, images, originals = measured("test", pixels, samples)
    truth = factors["mechanism"]
    mechanisms = len(np.unique(truth))
    repaired, experts = repair(learner, images, truth)
    matrix = assignment_matrix(truth, experts, mechanisms, len(_bank(learner)))
    share = np.bincount(experts, minlength=matrix.shape[1]) / samples
    own = _experts_of(matrix)
    right = classifier.classify(repaired) == factors["content"]
    transfer = {"digits": _transfer(learner, experts, truth, images, originals, own)}
    for content in contents():
        other, changed, true = measured(content, pixels, samples)
        winners = repair(learner, changed, other["mechanism"])[1]
        transfer[content] = _transfer(learner, winners, other["mechanism"], changed, true, own)
    return {
        "matrix": matrix.tolist(),
        "hungarian": hungarian_accuracy(matrix),
        "own": one_to_one(matrix).tolist(),
        "used": int((share > USED).sum()),
        "accuracy": float(right.mean()),
        "accuracies": [float(right[truth == each].mean()) for each in range(mechanisms)],
        "outcomes": as_digits(right),
        "psnr": by_mechanism(repaired, originals, truth),
        "transfer": transfer,
    }


def repair(learner: Trainable, images: Images, mechanisms: Integers) -> tuple[Images, Integers]:
    """Return repaired images (n, h, w, c) and the experts (n,) that did it; the oracle reads `mechanisms`."""
    repaired, experts = np.empty_like(images), np.empty(len(images), np.int64)
    for start in range(0, len(images), AT_ONCE):
        rows = slice(start, start + AT_ONCE)
        if isinstance(learner, CompetingExperts):
            repaired[rows], experts[rows], _ = learner.repair(images[rows])
        else:
            assert isinstance(learner, RoutedExperts)
            repaired[rows], experts[rows] = learner.undo(images[rows], mechanisms[rows]), mechanisms[rows]
    return repaired, experts


def _bank(learner: Trainable) -> Any:
    return learner.experts


def _experts_of(matrix: NDArray[np.float64]) -> Integers:
    """Return the expert matched to each mechanism, and where there are too few the one that wins most."""
    experts: Integers = matrix.argmax(1)
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    experts[rows] = columns
    return experts


def _transfer(
    learner: Trainable, winners: Integers, truth: Integers, images: Images, originals: Images, own: Integers
) -> dict[str, Any]:
    """Return the share of images that their mechanism's expert wins, and what it makes of all of them."""
    undone = np.empty_like(images)
    for mechanism, expert in enumerate(own.tolist()):
        at = truth == mechanism
        undone[at] = undo(learner, images[at], expert)
    return {"routed": float((winners == own[truth]).mean()), "psnr": by_mechanism(undone, originals, truth)}


def undo(learner: Trainable, images: Images, expert: int) -> Images:
    """Return what one expert makes of images (n, h, w, c)."""
    if isinstance(learner, CompetingExperts):
        return learner.undo(images, expert)
    assert isinstance(learner, RoutedExperts)
    return learner.undo(images, np.full(len(images), expert))


def by_mechanism(images: Images, originals: Images, truth: Integers) -> list[float]:
    """Return the PSNR in dB of the images of each mechanism."""
    return [psnr(images[truth == each], originals[truth == each]) for each in np.unique(truth)]


@torch.no_grad()
def curve(
    updates: int, learner: CompetingExperts, classifier: Classifier, pixels: int, samples: int
) -> dict[str, Any]:
    """Measure ours at a stage (Figs. 4 and 5), on one in `CURVE` images.

    Returns:
        `updates`; `accuracy` of the classifier on what is repaired; `scores`, the mean probability D gives
        the outputs of each expert on each mechanism, (mechanisms, experts).
    """
    factors, images, _ = measured("test", pixels, max(samples // CURVE, AT_ONCE))
    truth = factors["mechanism"]
    repaired, _ = repair(learner, images, truth)
    parts = [images[k : k + AT_ONCE] for k in range(0, len(images), AT_ONCE)]
    scores = torch.cat([learner.scores(part) for part in parts]).sigmoid().numpy(force=True)
    return {
        "updates": updates,
        "accuracy": float((classifier.classify(repaired) == factors["content"]).mean()),
        "scores": [scores[truth == each].mean(0).tolist() for each in np.unique(truth)],
    }


# Bounds


def measure_classifier(classifier: Classifier, pixels: int, samples: int) -> dict[str, Any]:
    """Return the classifier's accuracy on the originals: the upper bound of all accuracies."""
    factors, _, originals = measured("test", pixels, samples)
    return {"accuracy": float((classifier.classify(originals) == factors["content"]).mean())}


def floors(classifier: Classifier, pixels: int, samples: int, seed: int) -> dict[str, Any]:
    """Measure what learns nothing of mechanisms.

    Returns:
        `input`: `accuracy`, `accuracies` and `psnr` of changed images as they are; `clusters`: `hungarian` of
        k-means, with as many clusters as mechanisms, on pixels.
    """
    factors, images, originals = measured("test", pixels, samples)
    truth = factors["mechanism"]
    right = classifier.classify(images) == factors["content"]
    source = transformed("train", pixels)
    learnt = source.render_factors(source.sample_factors(CLUSTERED, np.random.default_rng(seed)))
    groups = len(source.mechanisms)
    clusters = KMeans(groups, n_init=1, random_state=seed).fit(_rows(learnt)).predict(_rows(images))
    matrix = assignment_matrix(truth, clusters.astype(np.int64), groups, groups)
    return {
        "input": {
            "accuracy": float(right.mean()),
            "accuracies": [float(right[truth == each].mean()) for each in range(groups)],
            "psnr": by_mechanism(images, originals, truth),
        },
        "clusters": {"hungarian": hungarian_accuracy(matrix)},
    }


def _rows(images: Images) -> NDArray[np.float32]:
    return images.reshape(len(images), -1).astype(np.float32) / 255
