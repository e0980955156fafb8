"""Tests train on the processor, which their thresholds are for, unless LT_ACCELERATOR says otherwise."""

import os

os.environ.setdefault("LT_ACCELERATOR", "cpu")
