"""The tests of this folder can import the modules that they share, as `tests.envs.conformance`."""

import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).parents[2]))
