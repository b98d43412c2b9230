"""Which pixels made the net say so, and how far to trust the answer."""

from densenet.attribution.catalogue import METHODS, Attribution, Method, Option, attribute, expected_seconds, film_strip, options_of

__all__ = ["METHODS", "Attribution", "Method", "Option", "attribute", "expected_seconds", "film_strip", "options_of"]
