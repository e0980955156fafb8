"""How well a support vector machine classifies digits by their codes (Fig. 2)."""

from collections.abc import Callable, Sequence
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.svm import SVC

from unknot.experiments.quantifying_beta.data import digits
from unknot.models.image.pca import PCA
from unknot.representation import Learner, encode_all

Images = NDArray[np.uint8]


def classify(
    encode: Callable[[Images], NDArray[np.float64]], pixels: int, shares: Sequence[float]
) -> dict[str, Any]:
    """Return the accuracy on test digits of a support vector machine (RBF kernel) on standardised codes.

    Args:
        encode: uint8 images (n, pixels, pixels, 1) to codes (n, d).
        pixels: side of the digits.
        shares: of the training digits, the first of them, whose labels the machine sees.

    Returns:
        `accuracy`, by the share.
    """
    (images, labels), (test_images, test_labels) = (digits(split, pixels) for split in ("train", "test"))
    counts = {f"{share:g}": round(share * len(labels)) for share in shares}
    codes, test_codes = encode(images[: max(counts.values())]), encode(test_images)
    accuracy = {}
    for share, count in counts.items():
        classifier = make_pipeline(StandardScaler(), SVC()).fit(codes[:count], labels[:count])
        accuracy[share] = float(classifier.score(test_codes, test_labels))
    return {"accuracy": accuracy}


def classify_codes(learner: Learner, pixels: int, shares: Sequence[float]) -> dict[str, Any]:
    """Return what `classify` does, of a learner's codes."""
    return classify(
        lambda images: encode_all(learner, images, batch=1000).double().numpy(force=True), pixels, shares
    )


def digit_bounds(pixels: int, shares: Sequence[float], latent_dim: int, seed: int) -> dict[str, Any]:
    """Return the accuracies by one class for all, by principal components, and by the pixels themselves.

    With few labels the pixels are no upper bound: a classifier learns from fewer numbers more easily.
    """
    (images, labels), (_, tested) = (digits(split, pixels) for split in ("train", "test"))
    torch.manual_seed(seed)
    components = PCA(shape=(pixels, pixels, 1), latent_dim=latent_dim)
    components.update({"observation": torch.from_numpy(images)})
    most = {f"{share:g}": labels[: round(share * len(labels))] for share in shares}
    majority = {share: float((tested == np.bincount(seen).argmax()).mean()) for share, seen in most.items()}
    return {
        "majority class": {"accuracy": majority},
        "principal components": classify_codes(components, pixels, shares),
        "pixels": classify(lambda images: images.reshape(len(images), -1) / 255, pixels, shares),
    }
