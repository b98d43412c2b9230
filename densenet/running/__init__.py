"""Nets on a machine: which device, how they are built, how many images at once, how work is given up."""
