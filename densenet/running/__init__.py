"""Nets on a machine: which device, how they are built, how many images at once, what is refused, how work is given up."""
