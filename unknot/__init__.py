"""unknot: worlds whose factors are known, learners that find them in pixels, planners that act there.

Importing it registers the environments with Gymnasium and loads nothing heavy.
"""

from unknot.envs.registration import register as _register

__all__ = ["__version__"]
__version__ = "0.1.0"

_register()
