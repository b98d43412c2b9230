"""A step's arithmetic with its numbers in it, line by line, as charts and cards show it when one points at a step."""

from __future__ import annotations

from densenet import DenseNetConfig
from densenet.arithmetic.costs import Step
from explorer.components.formatting import exact


def channels_formula(step: Step, config: DenseNetConfig) -> str:
    """Return how the channels of a step come about: `64 + 5 × 32 = 224 channels`."""
    if step.kind == "dense":
        return f"{step.first} + {step.layer} × {step.new} = {step.inherited + step.new} channels"
    if step.kind == "transition":
        return f"⌊{config.compression:g} × {step.received}⌋ = {step.new} channels"
    if step.kind == "stem":
        return f"{step.received} → {step.new} channels"
    return f"{step.new} features → {config.num_classes} classes"


def cost_formulas(step: Step, *, macs: bool) -> list[str]:
    """Return the weights of each convolution, times the pixels of its output where multiply-accumulates are counted, and those of norms."""
    lines = []
    for row in step.rows:
        if row.op == "conv":
            window = f" × {row.kernel}²" if row.kernel > 1 else ""
            area = f" × {row.out_size}²" if macs else ""
            name = row.path.rpartition(".")[2]
            lines.append(f"{name}: {row.in_channels} × {row.out_channels}{window}{area} = {exact(row.macs if macs else row.params)}")
        elif row.op == "linear":
            bias = "" if macs else f" + {row.out_channels}"
            lines.append(f"linear: {row.in_channels} × {row.out_channels}{bias} = {exact(row.macs if macs else row.params)}")
    norms = [row for row in step.rows if row.op == "norm"]
    if norms and not macs:
        widths = " + ".join(str(row.in_channels) for row in norms)
        lines.append(f"norms: 2 × {f'({widths})' if len(norms) > 1 else widths} = {exact(sum(r.params for r in norms))}")
    return lines
