"""Trained weights that ship, and the metrics behind the pages in docs/results: data, no code.

Each folder is laid out like a run and is called "pretrained/NAME" wherever a run is named.
"""
