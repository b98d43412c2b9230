"""One step of a DenseNet without its concatenations: each layer reads what the one before it has put out; without torch.

Its operations are those of `densenet.arithmetic.plan.chain_plan`, one after the other: nothing joins and nothing branches, so what a layer
puts out lives, beside what autograd saves, until the next has read it; a block's input lives until the block returns.
"""

from __future__ import annotations

from functools import lru_cache

from densenet.arithmetic.ends import held_by_stem, loss, optimizer_step, stem_backward, stem_forward, tail_backward, tail_forward
from densenet.arithmetic.liveness import Liveness, Moment
from densenet.arithmetic.plan import by_part, chain_plan
from densenet.arithmetic.step import transition_backward, transition_forward
from densenet.config import DenseNetConfig


@lru_cache(maxsize=32)  # as `step_moments`
def chain_moments(config: DenseNetConfig, image_size: int, mode: str, optimizer: str, precision: str) -> tuple[Moment, ...]:
    """Return the moments of one step in order, as `densenet.arithmetic.step.step_moments` does of the DenseNet."""
    rows = chain_plan(config, image_size)
    of = by_part(rows)
    stem, *body, tail = of.items()
    live = Liveness(config, precision, "none", training=mode == "train")
    stem_forward(live, stem[1])
    first = 0  # bytes of the block's input
    for (_, position), part in body:
        if not position:
            transition_forward(live, part)
            continue
        first = live.in_bytes(part[0]) if position == 1 else first
        live.forward(part)
        if not live.training:
            last = (part[0].block, position + 1) not in of
            live.image -= (live.in_bytes(part[0]) if position > 1 else 0) + (first if last else 0)
    tail_forward(live, tail[1], norm_held=False)
    if live.training:
        loss(live, tail[1])
        tail_backward(live, tail[1])
        for (_, position), part in reversed(body):
            if position:
                live.backward(part, live.out_bytes(part[-1]))
            else:
                transition_backward(live, part)
        live.image += held_by_stem(live, stem[1])
        stem_backward(live, stem[1])
        optimizer_step(live, rows, optimizer)
    return tuple(live.moments)
