"""Measures of disentanglement: codes against the factors that are known."""
