"""Metrics of disentanglement: codes against known factors.

`evaluate_codes` measures an encoder, any callable, on a factor source: an environment or a data set. Each
metric is also a function: of arrays of codes and factors or, where it fixes factors, of encoder and source.
"""

from unknot.representation.metrics.assignment import (
    assignment_matrix,
    hungarian_accuracy,
    one_to_one,
    psnr,
    won,
)
from unknot.representation.metrics.attribute_auc import attribute_auc
from unknot.representation.metrics.bleu import bleu
from unknot.representation.metrics.covariance import cvr, mapc, tdv, ud90
from unknot.representation.metrics.dci import completeness, dci, disentanglement
from unknot.representation.metrics.evaluation import METRICS, evaluate_codes
from unknot.representation.metrics.factor_vae import factor_vae
from unknot.representation.metrics.higgins import higgins, higgins_2
from unknot.representation.metrics.hinton import hinton
from unknot.representation.metrics.histograms import cells_hit, histogram_distance
from unknot.representation.metrics.kraskov import best_partition, factor_information, kraskov
from unknot.representation.metrics.mask_shares import mask_shares
from unknot.representation.metrics.mig import mig
from unknot.representation.metrics.modularity import modularity
from unknot.representation.metrics.prediction_gain import prediction_gain
from unknot.representation.metrics.sap import sap
from unknot.representation.metrics.score import Score
from unknot.representation.metrics.unsupervised import unsupervised
from unknot.representation.metrics.videos import average_content_distance, displacement

__all__ = [
    "METRICS",
    "Score",
    "assignment_matrix",
    "attribute_auc",
    "average_content_distance",
    "best_partition",
    "bleu",
    "cells_hit",
    "completeness",
    "cvr",
    "dci",
    "disentanglement",
    "displacement",
    "evaluate_codes",
    "factor_information",
    "factor_vae",
    "higgins",
    "higgins_2",
    "hinton",
    "histogram_distance",
    "hungarian_accuracy",
    "kraskov",
    "mapc",
    "mask_shares",
    "mig",
    "modularity",
    "one_to_one",
    "prediction_gain",
    "psnr",
    "sap",
    "tdv",
    "ud90",
    "unsupervised",
    "won",
]
