"""What is really seen of a net: memory and time of a step, and one forward pass. The truth beside `densenet.arithmetic`."""

from densenet.measure.measurement import Measurement, measure, measure_peer

__all__ = ["Measurement", "measure", "measure_peer"]
