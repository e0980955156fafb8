# ---
# jupyter:
#   jupytext:
#     text_representation:
#       extension: .py
#       format_name: percent
#   kernelspec:
#     display_name: Python 3
#     language: python
#     name: python3
# ---

# %% [markdown]
# # Is my encoder disentangled?
#
# A code is disentangled if single dimensions follow single factors. We measure three encoders on images whose factors are known: principal components, a β-VAE with β = 1 and a FactorVAE. The last two ship with the package. Put your own beside them. You need `pip install "unknot[learn]"`.
#
# ## Images with known factors

# %%
from typing import Any

import matplotlib.pyplot as plt
import numpy as np

from unknot.models import Shapes2D

source = Shapes2D(pixels=32)
rng = np.random.default_rng(0)
factors = source.sample_factors(10, rng)
images = source.render_factors(factors)

figure, panels = plt.subplots(1, 10, figsize=(9, 1), layout="constrained")
for panel, image in zip(panels, images, strict=True):
    panel.imshow(image, cmap="gray", vmin=0, vmax=255)
    panel.set(xticks=[], yticks=[])
print({name: values[:3] for name, values in factors.items()})

# %% [markdown]
# ## The encoders
#
# An encoder is any function from uint8 images (n, height, width, channels) to codes (n, dimensions). Add a line for yours.

# %%
from unknot.models import PCA, stream
from unknot.representation import load_learner, train

pca = PCA(shape=(32, 32, 1), latent_dim=10)
train(pca, stream(source, 2000, seed=0), steps=1, progress=False)
models: dict[str, Any] = {
    "principal components": pca,
    "β = 1": load_learner("pretrained/factor-vae/beta-1"),
    "FactorVAE": load_learner("pretrained/factor-vae/gamma-10"),
}

# %% [markdown]
# ## One call for all metrics
#
# Each score has its 95% interval. MIG asks by how much the best dimension beats the next for each factor. DCI's disentanglement asks whether a dimension follows one factor alone. The FactorVAE metric asks whether one can tell the factor that a batch shares. [Metrics](../metrics.md) has the definitions.

# %%
from unknot.representation.metrics import evaluate_codes

NAMES = ("mig", "dci", "factor_vae")
reports = {
    name: evaluate_codes(model.encode, source, NAMES, seed=0, samples=2000) for name, model in models.items()
}
print(f"{'':22}" + "".join(f"{metric:>24}" for metric in NAMES))
for name, report in reports.items():
    cells = (f"{s.value:.2f} [{s.interval[0]:.2f}, {s.interval[1]:.2f}]" for s in report.values())
    print(f"{name:22}" + "".join(f"{cell:>24}" for cell in cells))

# %% [markdown]
# A value without its choices can't be compared with another's. They are in the score:

# %%
print(reports["FactorVAE"]["mig"].choices)

# %% [markdown]
# ## Which dimension holds what
#
# A Hinton diagram shows how much each factor (column) needs each dimension (row). Ideally each column has one large square, and no row has two.

# %%
from unknot.representation.metrics import hinton

figure, panels = plt.subplots(1, 3, figsize=(10, 4), layout="constrained")
for panel, (name, report) in zip(panels, reports.items(), strict=True):
    hinton(panel, report["dci"].parts["importances"], list(report["dci"].choices["factors"]))
    panel.set_title(name)
    panel.tick_params(axis="x", rotation=45)

# %% [markdown]
# ## See it
#
# A traversal decodes a code while one dimension changes, from left to right. The dimensions stand in the order of the information that they hold. In a disentangled code a row changes one thing.

# %%
from unknot.models import traversal_figure

traversal_figure(models["FactorVAE"], images)

# %% [markdown]
# ## So, is it?
#
# Position and size are: they have a dimension each. Orientation is not, and shape hardly: no unsupervised learner of 2017 finds them reliably, as [the results](../results/factor-vae/README.md) say. Ask three things of your own encoder:
#
# - Is it above the floor, principal components or the same network untrained?
# - Do several metrics agree? They measure different things.
# - Do other seeds give the same? A seed differs more than most methods do.
#
# [Measure your encoder](../how-to/measure-your-encoder.md) goes on with data of your own.
