"""DenseNets: their architecture, costs, weights and explanation.

This page of the library is plain Python: `import densenet` loads no torch. `densenet.model`, `densenet.weights`, `densenet.predict` and
`densenet.attribution` do, when they are imported.
"""

from densenet.arithmetic.costs import Totals, totals
from densenet.arithmetic.memory import MemoryEstimate, estimate_memory
from densenet.arithmetic.plan import Layer, plan
from densenet.config import DenseNetConfig, Workload
from densenet.presets import PRESETS

__all__ = [
    "PRESETS",
    "DenseNetConfig",
    "Layer",
    "MemoryEstimate",
    "Totals",
    "Workload",
    "estimate_memory",
    "plan",
    "totals",
]
