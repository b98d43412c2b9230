"""Layers: every operation, one by one."""
