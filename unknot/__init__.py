"""unknot: environments with known factors, learners that find the factors in pixels, planners that use them.

Importing it registers the environments with Gymnasium and loads nothing heavy.
"""

from pkgutil import extend_path as _extend_path

# At the root of a checkout this folder hides the installed package, which has the other rooms.
__path__ = _extend_path(__path__, __name__)

from unknot.envs.registration import register as _register

__all__ = ["__version__"]
__version__ = "0.1.0"

_register()
