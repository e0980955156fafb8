"""Independently controllable factors: the experiments of Thomas et al. (2017), part by part."""
