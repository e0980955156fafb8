"""What is measured of the classifiers: errors, variances of codes, exchanged codes; and trivial baselines."""

from collections.abc import Callable
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray
from sklearn.linear_model import LogisticRegression
from sklearn.neighbors import KNeighborsClassifier
from torch import Tensor

from unknot.experiments.jade.data import CLASSES, Data
from unknot.models.data.svhn import LabelledImages
from unknot.models.image.bottleneck_classifiers import BottleneckClassifier, PairedClassifier
from unknot.models.image.jade import JADE
from unknot.representation import encode_all
from unknot.representation.learner import as_images

Images = NDArray[np.uint8]

AT_ONCE = 500
OF_A_CLASS, MIXED = 500, 2500
"""Images of Fig. 2a for each class, and of Fig. 2b."""
ACTIVE = 0.01
"""Variance of a code's means, in variances of the prior, above which a dimension is active."""
EXCHANGES = 2000


def predictions(logits: Callable[[Any], Tensor], images: Images) -> NDArray[np.int64]:
    """Return the most probable labels (n,) of uint8 images (n, h, w, c)."""
    with torch.no_grad():
        parts = [logits(images[k : k + AT_ONCE]).argmax(1) for k in range(0, len(images), AT_ONCE)]
    return torch.cat(parts).numpy()


def error(logits: Callable[[Any], Tensor], images: LabelledImages) -> float:
    """Return the share of images whose most probable label is wrong."""
    return float((predictions(logits, images.images) != images.labels).mean())


def measure(model: BottleneckClassifier, data: Data) -> dict[str, Any]:
    """Return the test error, and that of the secondary set where the model reads it."""
    result = {"error": error(model.logits, data.test)}
    if isinstance(model, PairedClassifier | JADE):
        result["other_error"] = error(model.other_logits, data.other_test)
    return result


# Fig. 2


def variances(codes: NDArray[np.float64], labels: NDArray[np.int64]) -> dict[str, Any]:
    """Measure how much codes vary within a class, beside how much they vary over all classes.

    Args:
        codes: (n, d).
        labels: (n,), 0 to 9; each at least twice.

    Returns:
        `within`: (10, d), the variance within each class over `total`, of up to 500 images each; `total`:
        (d,), the variance over up to 2,500 images of all classes.
    """
    total = codes[:MIXED].var(0)
    each = [codes[labels == digit][:OF_A_CLASS].var(0) for digit in range(CLASSES)]
    within = np.divide(each, total, out=np.ones((CLASSES, len(total))), where=total > 0)
    return {"within": within.tolist(), "total": total.tolist()}


def content_over_style(within: NDArray[np.float64], content: int) -> float:
    """Return the mean variance within a class of the first `content` dimensions, over that of the others."""
    return float(within[:, :content].mean() / within[:, content:].mean())


def measure_codes(model: JADE, images: LabelledImages) -> dict[str, Any]:
    """Return the variances of a model's codes, `ratio`, and `active` of content and of style."""
    result = variances(encode_all(model, images.images, AT_ONCE).double().numpy(), images.labels)
    active = np.array(result["total"]) > ACTIVE
    content = model.latent_dim
    result["ratio"] = content_over_style(np.array(result["within"]), content)
    result["active"] = [int(active[:content].sum()), int(active[content:].sum())]
    return result


# Exchanges


@torch.no_grad()
def exchanged(decode: Callable[[Tensor], Tensor], content: Tensor, style: Tensor, content_dim: int) -> Images:
    """Decode the content of some codes (n, d) with the style of others (n, d): uint8 (n, h, w, c)."""
    codes = torch.cat([content[:, :content_dim], style[:, content_dim:]], 1)
    return np.concatenate([as_images(decode(part)) for part in torch.split(codes, AT_ONCE)])


def exchange_rates(model: JADE, reader: Callable[[Any], Tensor], data: Data) -> dict[str, float]:
    """Return how often a reader finds the label of the content in an image decoded with another's style.

    Args:
        model: the model.
        reader: logits of primary images, by a classifier that was trained without the model.
        data: its test images are exchanged.

    Returns:
        Shares: `street`, contents of primary test images; `read`, of those whose label the model itself
        reads; `mnist`, contents of secondary test images in the style of primary ones; `reconstructed`, with
        the image's own style; `images`, the reader on the test images themselves.
    """
    street, mnist = data.test, data.other_test
    count = min(EXCHANGES, len(street.labels), len(mnist.labels))
    codes = encode_all(model, street.images[:count], AT_ONCE)
    others = encode_all_others(model, mnist.images[:count])
    labels, other_labels = street.labels[:count], mnist.labels[:count]
    styles = codes.roll(count // 3 + 1, 0)  # of another image, most often of another digit

    def kept(content: Tensor, style: Tensor, expected: NDArray[np.int64]) -> NDArray[np.bool_]:
        images = exchanged(model.decode, content, style, model.latent_dim)
        found: NDArray[np.bool_] = predictions(reader, images) == expected
        return found

    own = predictions(model.logits, street.images[:count]) == labels
    swapped = kept(codes, styles, labels)
    return {
        "street": float(swapped.mean()),
        "read": float(swapped[own].mean()) if own.any() else 0.0,
        "mnist": float(kept(others, styles, other_labels).mean()),
        "reconstructed": float(kept(codes, codes, labels).mean()),
        "images": 1 - error(reader, LabelledImages(street.images[:count], labels)),
    }


@torch.no_grad()
def encode_all_others(model: JADE, images: Images) -> Tensor:
    """Encode secondary images (n, h, w, 1), a batch at a time."""
    return torch.cat([model.encode_other(images[k : k + AT_ONCE]) for k in range(0, len(images), AT_ONCE)])


# Trivial baselines


def baselines(data: Data) -> dict[str, dict[str, float]]:
    """Return the test errors of one class for all, and of two classifiers of pixels with the same labels."""
    x, test = (
        part.images.reshape(len(part.images), -1) / np.float32(255) for part in (data.training, data.test)
    )
    y = data.training.labels
    wrong = {"majority": float((data.test.labels != np.bincount(y).argmax()).mean())}
    models = {"logistic": LogisticRegression(C=0.01, max_iter=5000), "nearest": KNeighborsClassifier(1)}
    for name, model in models.items():
        wrong[name] = 1 - float(model.fit(x, y).score(test, data.test.labels))
    return {name: {"error": each} for name, each in wrong.items()}
