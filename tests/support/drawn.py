"""Nets and workloads drawn by a seed, small enough to be measured by the dozen."""

from __future__ import annotations

import random

from densenet import DenseNetConfig, Workload
from densenet.config import STEM_OF


def drawn(seed: int, *, largest: int = 224, stem: str | None = None) -> tuple[DenseNetConfig, Workload]:
    """Draw a net and a workload of at most `largest` pixels a side; bfloat16, which many processors do slowly, on small ones.

    `stem` None: one of the paper's two.
    """
    draw = random.Random(seed)
    papers = draw.choice(("imagenet", "cifar"))
    stem = stem or papers
    precision = draw.choice(("float32", "float32", "bfloat16"))
    small = precision == "bfloat16"
    config = DenseNetConfig(
        growth_rate=draw.choice((4, 8, 12) if small else (4, 8, 12, 16, 24, 32)),
        block_config=tuple(draw.randint(1, 3 if small else 6) for _ in range(draw.randint(1, 3 if small else 5))),
        num_init_features=draw.choice((8, 16, 24, 64)),
        bn_size=draw.choice((0, 2, 4)),
        compression=draw.choice((0.3, 0.5, 0.8, 1.0)),
        drop_rate=draw.choice((0.0, 0.0, 0.2)),
        num_classes=draw.choice((10, 100, 1000)),
        in_channels=draw.choice((1, 3)),
        stem=stem,
    )
    sizes = [s for s in (32, 48, 64, 96, 128, 160, 224) if s <= min(largest, 64 if small else 96 if STEM_OF[stem].halvings < 2 else 224)]
    size = max(config.smallest_image_size, draw.choice(sizes))
    mode = draw.choice(("train", "train", "train", "infer"))
    batch = draw.choice((1, 2, 3, 4) if size > 96 or small else (1, 2, 3, 4, 8, 16))
    workload = Workload(
        image_size=size,
        batch_size=max(2, batch) if mode == "train" else batch,  # maps of one pixel cannot be trained on one by one
        mode=mode,
        checkpointing=draw.choice(("none", "norm", "layer")),
        optimizer=draw.choice(("sgd", "momentum", "adam")),
        precision=precision,
    )
    return config, workload
