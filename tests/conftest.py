"""Tests train on the CPU, for which their thresholds are set, unless LT_ACCELERATOR says otherwise."""

import os

os.environ.setdefault("LT_ACCELERATOR", "cpu")
