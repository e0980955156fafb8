"""Set up for all tests.

Tests train on the CPU, for which their thresholds are set, unless LT_ACCELERATOR says otherwise. They can
import the modules that they share, as `tests.envs.conformance`.
"""

import os
import sys
from pathlib import Path

os.environ.setdefault("LT_ACCELERATOR", "cpu")
sys.path.insert(0, str(Path(__file__).parents[1]))
