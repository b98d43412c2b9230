"""The plan as a table for people and for spreadsheets."""

from __future__ import annotations

import csv
import io

from densenet import DenseNetConfig, Layer
from densenet.arithmetic.plan import plan

HEADERS = ["layer", "operation", "in", "out", "kernel", "stride", "px in", "px out", "parameters", "MACs"]
_OPERATIONS = {
    "conv": "convolution",
    "norm": "batch norm",
    "relu": "ReLU",
    "pool": "pooling",
    "cat": "concatenation",
    "linear": "linear",
    "dropout": "dropout",
    "flatten": "flatten",
}


def _cells(row: Layer) -> list[object]:
    sizes = [row.in_channels, row.out_channels, row.kernel or "", row.stride or "", row.in_size, row.out_size]
    return [row.path, _OPERATIONS[row.op], *sizes, row.params, row.macs]


def layer_rows(config: DenseNetConfig, image_size: int) -> list[list[object]]:
    """Return a row of `HEADERS` for each operation of the plan; counts are whole numbers, sizes in pixels a side, MACs for one image."""
    return [_cells(row) for row in plan(config, image_size)]


def layers_csv(config: DenseNetConfig, image_size: int) -> str:
    """Return the same table as CSV with a header line."""
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(HEADERS)
    writer.writerows(layer_rows(config, image_size))
    return out.getvalue()


def torchinfo_summary(config: DenseNetConfig, image_size: int, batch_size: int = 1) -> str:
    """Return torchinfo's own text for the real module, on the meta device, where nothing is allocated and nothing runs.

    Its "mult-adds" include biases and norms once per image; its memory figures count what it sees, not what a step allocates.
    """
    import torch
    import torchinfo

    from densenet.model.net import DenseNet

    config.check_image_size(image_size)
    with torch.device("meta"):
        model = DenseNet(config)
    shape = (batch_size, config.in_channels, image_size, image_size)
    summary = torchinfo.summary(
        model, input_size=shape, device="meta", depth=4, col_names=("output_size", "num_params", "mult_adds"), verbose=0, mode="eval"
    )
    return str(summary)
