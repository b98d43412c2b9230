"""DenseNets: their architecture, costs, weights and explanation.

This page of the library is plain Python: `import densenet` loads no torch. `densenet.model`, `densenet.weights`, `densenet.predict` and
`densenet.attribution` do, when they are imported.
"""

from densenet.config import DenseNetConfig, Workload
from densenet.costs import Totals, totals
from densenet.memory import MemoryEstimate, estimate_memory
from densenet.plan import Layer, plan
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
