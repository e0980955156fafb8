"""Allocation of capacity and decoded images (Fig. 3), tuning of dimensions to a blob's place (Fig. 2)."""

from collections.abc import Mapping

import numpy as np
import torch
from matplotlib.figure import Figure

from unknot.experiments.capacity_vae.generator import trace_of
from unknot.models.data.blob import Blob
from unknot.models.data.shapes2d import Shapes2D
from unknot.models.image.factor_generator import FactorGenerator
from unknot.models.image.vae import VAE
from unknot.models.traversals import image_rows
from unknot.representation.learner import as_images

EXAMPLES = 8
"""How many images are shown."""


def allocation(generator: FactorGenerator) -> Figure:
    """Plot the nats of each factor over C and over the reconstruction error (Fig. 3, top)."""
    trace = trace_of(generator)
    figure = Figure(figsize=(9, 3.4), layout="constrained")
    left, right = figure.subplots(1, 2, sharey=True)
    for number, name in enumerate(generator.factors, start=1):
        left.plot(trace[:, 0], trace[:, number], label=name)
        right.plot(trace[:, -1], trace[:, number], label=name)
    left.set(xlabel="capacity C in nats", ylabel="KL in nats")
    right.set(xlabel="-log p(x | z) in nats")
    right.invert_xaxis()
    left.legend()
    return figure


@torch.no_grad()
def decoded(generators: Mapping[float, FactorGenerator], source: Shapes2D) -> Figure:
    """Show images that generators of growing capacity decode from mean codes (Fig. 3, bottom).

    Args:
        generators: by capacity in nats.
        source: of the true images, which are at the top.
    """
    factors = source.combinations(np.random.default_rng(0).choice(len(source), EXAMPLES, replace=False))
    given = {name: torch.from_numpy(values) for name, values in factors.items()}
    rows = {"true": source.render_factors(factors)}
    for capacity in sorted(generators, reverse=True):
        codes, _ = generators[capacity].moments(given)
        rows[f"{capacity:g} nats"] = as_images(generators[capacity].decode(codes))
    return image_rows(rows)


@torch.no_grad()
def tuning(learner: VAE, source: Blob) -> Figure:
    """Plot the mean of each dimension over all places of the blob, by its mean KL (Fig. 2, right)."""
    images = source.render_factors(source.combinations(np.arange(len(source))))
    codes, kl = learner.encode(images), learner.kl(images).mean(0)
    order = kl.argsort(descending=True).tolist()
    side = len(source.values["x"])
    figure = Figure(figsize=(1.3 * len(order), 1.7), layout="constrained")
    for panel, dim in zip(figure.subplots(1, len(order), squeeze=False)[0], order, strict=True):
        panel.imshow(codes[:, dim].reshape(side, side).T.numpy(force=True), cmap="bwr", vmin=-3, vmax=3)
        panel.set_title(f"z{dim}: {kl[dim]:.2f}", fontsize=9)
        panel.set(xticks=[], yticks=[])
    return figure
