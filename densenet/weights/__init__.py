"""Trained nets: those that the project knows, and those that people bring. No torch is imported until one is loaded."""

from densenet.weights.known import ASSETS, WEIGHTS
from densenet.weights.loading import fetch, is_here, load, load_file

__all__ = ["ASSETS", "WEIGHTS", "fetch", "is_here", "load", "load_file"]
