"""The ids of unknot itself, as a parameter."""

import pytest

from tests.envs.conformance import param
from unknot.envs import ENVIRONMENTS

each_of_ours = pytest.mark.parametrize("name", [param(name) for name in ENVIRONMENTS])
