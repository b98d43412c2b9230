"""Which pixels made the net say so, and how far to trust the answer. No torch is imported until a map is made."""

from densenet.attribution.catalogue import METHODS, Attribution, Method, options_of
from densenet.attribution.explanation import attribute, expected_seconds, film_strip, pixel_map
from densenet.attribution.options import Option

__all__ = ["METHODS", "Attribution", "Method", "Option", "attribute", "expected_seconds", "film_strip", "options_of", "pixel_map"]
