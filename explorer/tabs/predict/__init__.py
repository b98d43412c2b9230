"""Predict: what trained nets see in a photo, a module for each view of it."""
