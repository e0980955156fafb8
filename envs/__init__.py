"""Environments whose factors of variation are known, for Gymnasium, single and vectorised.

They need NumPy, Gymnasium and `lazy_loader` only. A world is array code over a batch (`Simulation`); the
single and the vector environment are made of it.
"""

import lazy_loader

# Names are imported from their modules when they are first used; __init__.pyi says from where.
__getattr__, __dir__, __all__ = lazy_loader.attach_stub(__name__, __file__)
