"""What is measured of each model: bounds, information, whose pixels a factor changes, predictions."""

from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import ndimage
from scipy.optimize import linear_sum_assignment

from unknot.experiments.common.seeds import seeded
from unknot.experiments.video_prediction.models import AHEAD, DIGITS, Source, factors_of, source
from unknot.experiments.video_prediction.reading import (
    HELD,
    Factors,
    Floats,
    Groups,
    batches,
    codes_of,
    decode,
    own_groups,
    varied,
)
from unknot.models.data.moving_digits import MovingDigits
from unknot.models.data.street import Street
from unknot.models.data.video_files import OwnVideos
from unknot.models.video.independent_predictor import IndependentPredictor
from unknot.representation.metrics.kraskov import FactorInformation, best_partition, factor_information
from unknot.representation.metrics.mask_shares import mask_shares
from unknot.representation.metrics.prediction_gain import prediction_gain

if TYPE_CHECKING:
    from unknot.experiments.video_prediction import Settings

CLIPS, PAIRS = 1, 2
"""Which clips: those of most measures; those of which each gives one pair of frames."""
PAIR_FRAMES = 6
"""Frames of a clip of a pair, which is its last two: a velocity is known by then."""
FLOORS = {"mean": "the mean frame", "copy": "the last frame", "linear": "linear extrapolation"}
"""Trivial predictions, by name."""
CHANGED = 0.1
"""By how much a pixel changes that counts, of 1."""
MOVES = 0.1
"""Share of the clips in which a factor must change a pixel to be one that moves something."""
READ = 0.5
"""R² that places must be read with, for the way factors split to be clear."""
PLACES = ("x1", "y1", "x2", "y2")
READ_ROWS = 4000
"""Pairs that places are read from, half of them to learn how."""
TREES = 60
"""Of the gradient boosting that reads a place."""


def sample(clips: Source, n: int, which: int) -> Factors:
    """Sample factors of clips to measure on: the same for all seeds, and in no training batch."""
    return clips.sample_factors(n, np.random.default_rng([20172, which, 1]))


def measure(learner: IndependentPredictor, data: str, settings: "Settings", share: int = 1) -> dict[str, Any]:
    """Measure a model on one `share`-th of the settings' clips.

    Returns:
        `bound`, `information`, `gain`, `prediction` and `error`; `moves` where objects are known, `places` of
        digits. See the functions of these names. `groups`, the dimensions of each factor.
    """
    before, after, again, factors = pairs(learner, data, settings, share)
    k = factors_of(data, settings)
    groups = own_groups(learner) if learner.factors == k else best_partition(before, after, k)
    measured: dict[str, Any] = {
        "groups": groups.tolist(),
        "information": information(factor_information(before[:, groups], after[:, groups], again[:, groups])),
        "gain": gain(prediction_gain(before[:, groups], after[:, groups])),
        **on_clips(learner, data, settings, share, groups),
    }
    if data == DIGITS:
        places = places_of(source(data, settings, PAIR_FRAMES, test=True), factors)[:, -1]
        measured["places"] = read_places(after[:, groups], places.reshape(len(after), -1))
    return measured


def pairs(
    learner: IndependentPredictor, data: str, settings: "Settings", share: int = 1
) -> tuple[Floats, Floats, Floats, Factors]:
    """Return samples of q at a frame, at the next and again at the next, (n, k d) each, and clips' factors.

    Each clip gives one pair: those of one clip have the same content and are no independent samples.
    """
    clips = source(data, settings, PAIR_FRAMES, test=True)
    factors = sample(clips, max(settings.pairs // share, 100), PAIRS)
    with seeded(0):
        found = [
            torch.cat([codes_of(learner, images, sample=True)[:, -2:], _last(learner, images)], 1)
            for _, images in batches(clips, factors)
        ]
    before, after, again = torch.cat(found).double().numpy().swapaxes(0, 1)
    return before, after, again, factors


def _last(learner: IndependentPredictor, images: NDArray[np.uint8]) -> torch.Tensor:
    return codes_of(learner, images, sample=True)[:, -1:]


def places_of(clips: Source, factors: Factors) -> Floats:
    """Return where objects are in each frame, (n, t, objects, ...), of a source that knows."""
    assert not isinstance(clips, OwnVideos)
    return clips.positions(factors)


def information(found: FactorInformation) -> dict[str, Any]:
    """Return what factors tell of their own and of others' next step, in nats (section 3.1, Table 2)."""
    return {
        "same": found.same,
        "cross": found.cross,
        "ceiling": found.ceiling,
        "alive": found.alive(),
        "rows": found.rows,
        "matrix": found.matrix.round(3).tolist(),
    }


def gain(matrix: Floats) -> dict[str, Any]:
    """Return what another factor adds to the prediction of a factor, in nats: the mean, and all."""
    others = matrix[~np.eye(len(matrix), dtype=bool)]
    return {"mean": float(others.mean()), "matrix": matrix.round(3).tolist()}


def oracle(data: str, settings: "Settings", share: int = 1) -> dict[str, Any]:
    """Return the information and the gain of a code of true places and velocities, a factor an object."""
    clips = source(data, settings, PAIR_FRAMES, test=True)
    factors = sample(clips, max(settings.pairs // share, 100), PAIRS)
    if isinstance(clips, Street):
        factors["present"][:] = 1
    places = places_of(clips, factors)
    if isinstance(clips, Street):
        places = places[..., 1:]  # lanes never change
    moves = np.diff(places, axis=1)
    before, after = (np.concatenate([places[:, time], moves[:, time - 1]], -1) for time in (-2, -1))
    return {
        "information": information(factor_information(before, after)),
        "gain": gain(prediction_gain(before, after)),
    }


def floors(data: str, settings: "Settings", share: int = 1) -> dict[str, Any]:
    """Return the squared errors of trivial predictions of ten frames.

    Returns:
        `mean`, of the mean frame of all clips; `copy`, of the last frame that is seen; `linear`, of the last
        two extrapolated.
    """
    clips = source(data, settings, settings.frames + AHEAD, test=True)
    factors = sample(clips, max(settings.samples // share, 10), CLIPS)
    mean = np.mean([images.mean((0, 1)) for _, images in batches(clips, factors)], 0) / 255
    flat, copied, extended = [], [], []
    for _, images in batches(clips, factors):
        seen, true = images[:, : settings.frames] / 255, images[:, settings.frames :] / 255
        last, step = seen[:, -1:], (seen[:, -1:] - seen[:, -2:-1])
        times = np.arange(1, AHEAD + 1)[:, None, None, None]
        flat.append(np.square(mean - true).mean((2, 3, 4)))
        copied.append(np.square(last - true).mean((2, 3, 4)))
        extended.append(np.square((last + times * step).clip(0, 1) - true).mean((2, 3, 4)))
    return {name: _means(each) for name, each in {"mean": flat, "copy": copied, "linear": extended}.items()}


def on_clips(
    learner: IndependentPredictor, data: str, settings: "Settings", share: int, groups: Groups
) -> dict[str, Any]:
    """Measure what needs decoding.

    Returns:
        `bound`, of the frames that are seen, in nats a frame, with its parts; `prediction`, the squared error
        of each of the ten frames that follow; `error`, of a reconstruction; and `moves`, see `moved`, where
        objects are known.
    """
    clips = source(data, settings, settings.frames + AHEAD, test=True)
    bounds, errors, predicted, shares = [], [], [], []
    with seeded(0), torch.no_grad():
        for some, images in batches(clips, sample(clips, max(settings.samples // share, 10), CLIPS)):
            seen = images[:, : settings.frames]
            found = learner.bound(seen)
            bounds.append(
                torch.stack([found.per_frame, found.log_likelihood.mean(1), found.kl.sum(2).mean(1)], 1)
            )
            codes = codes_of(learner, seen)
            reconstructed = decode(learner, codes).numpy()
            errors.append(np.square(reconstructed - seen / 255).mean((1, 2, 3, 4)))
            ahead = learner.predict(seen, AHEAD).numpy()
            predicted.append(np.square(ahead - images[:, settings.frames :] / 255).mean((2, 3, 4)))
            if not isinstance(clips, OwnVideos):
                shares.append(_shares(learner, clips, some, codes, groups, settings.frames))
    names = ("per_frame", "log_likelihood", "kl")
    return {
        "bound": dict(zip(names, torch.cat(bounds).mean(0).tolist(), strict=True)),
        "error": float(np.concatenate(errors).mean()),
        "prediction": _means(predicted),
        **({"moves": moved(np.concatenate(shares))} if shares else {}),
    }


# Whose pixels a factor changes


def _shares(
    learner: IndependentPredictor,
    clips: MovingDigits | Street,
    factors: Factors,
    codes: torch.Tensor,
    groups: Groups,
    frames: int,
) -> Floats:
    """Return whose pixels each factor changes if it alone varies (section 3.1, Fig. 3), (n, k, objects)."""
    masks = _swept(clips, factors, frames)
    held = decode(learner, codes[:, HELD : HELD + 1])
    found = []
    for dims in groups:
        change = (decode(learner, varied(codes, dims)) - held)[:, HELD + 1 :].abs().numpy()
        changed = change > CHANGED
        if isinstance(clips, Street):
            changed = changed.any(-1)
        found.append(mask_shares(changed, masks))
    return np.stack(found, 1)


def _swept(clips: MovingDigits | Street, factors: Factors, frames: int) -> NDArray[np.bool_]:
    """Return where each object may change pixels, (n, objects, t, ...), of the frames after the held one.

    Of digits: where a digit was at the held frame or is, a pixel of 32 more to each side, on its own colour
    plane. Of streets: the pixels of each lane.
    """
    later = frames - HELD - 1
    if isinstance(clips, Street):
        lanes = clips.lane_masks()
        n = len(factors["light"])
        return np.broadcast_to(lanes[None, :, None], (n, len(lanes), later, *lanes.shape[1:]))
    seen = clips.masks(factors)[:, :frames]
    masks = seen[:, HELD + 1 :] | seen[:, HELD : HELD + 1]
    wide = 2 * (clips.pixels // 32) + 1
    masks = ndimage.binary_dilation(masks, np.ones((1, 1, 1, wide, wide)))
    planes = np.eye(2, 3, dtype=np.bool_)  # the first digit is red, the second green
    swept: NDArray[np.bool_] = np.moveaxis(masks, 2, 1)[..., None] & planes[:, None, None, None]
    return swept


def moved(shares: Floats) -> dict[str, Any]:
    """Summarise whose pixels factors change, of shares (n, k, objects).

    Returns:
        `matrix`, means over the clips in which a factor changes anything, (k, objects); `moving`, in which
        share of clips each does; `best`, of each factor the share of the object it changes most, 0 if it
        changes nothing in nine of ten clips; `matched`, the same if each object has one factor (Hungarian).
    """
    moving = ~np.isnan(shares).any(2)
    counts = np.maximum(moving.sum(0), 1)[:, None]
    alive = moving.mean(0) >= MOVES
    matrix = np.nan_to_num(shares).sum(0) / counts * alive[:, None]
    rows, columns = linear_sum_assignment(matrix, maximize=True)
    return {
        "matrix": matrix.round(4).tolist(),
        "moving": moving.mean(0).round(4).tolist(),
        "best": matrix.max(1).tolist(),
        "matched": matrix[rows, columns].tolist(),
    }


# What a factor tells of places


def read_places(codes: Floats, places: Floats) -> dict[str, Any]:
    """Return how well each factor tells where digits are, and how factors split (none of the paper's).

    Args:
        codes: (n, 2, d).
        places: x and y of the first digit and of the second, (n, 4).

    Returns:
        `r2` of gradient boosting on rows not learnt from, (2, 4), at least 0; and `split`, see `split_of`.
    """
    from sklearn.ensemble import HistGradientBoostingRegressor

    codes, places = codes[:READ_ROWS], places[:READ_ROWS]
    half = len(codes) // 2
    r2 = np.zeros((codes.shape[1], places.shape[1]))
    for i in range(codes.shape[1]):
        for j in range(places.shape[1]):
            tree = HistGradientBoostingRegressor(max_iter=TREES, random_state=0, early_stopping=False)
            tree.fit(codes[:half, i], places[:half, j])
            r2[i, j] = max(tree.score(codes[half:, i], places[half:, j]), 0.0)
    return {"r2": r2.round(3).tolist(), "split": split_of(r2)}


def split_of(r2: Floats) -> str:
    """Say how two factors split the places x1, y1, x2, y2, of R² (2, 4).

    Returns:
        "digit": each factor tells x and y of one; "axis": one tells both x, the other both y; "crossed": one
        has x of the one and y of the other; "one": one factor tells more than two best; "unclear": a place is
        told by none.
    """
    if r2.max(0).min() < READ:
        return "unclear"
    owner = r2.argmax(0)
    patterns = {(0, 0, 1, 1): "digit", (0, 1, 0, 1): "axis", (0, 1, 1, 0): "crossed"}
    return patterns.get(tuple((owner ^ owner[0]).tolist()), "one")


def _means(errors: list[Floats]) -> list[float]:
    """Return means over clips of errors (n, t), in batches: (t,)."""
    means: list[float] = np.concatenate(errors).mean(0).tolist()
    return means
