"""The six tiles are the library's numbers, each beside that of the preset or of A."""

from __future__ import annotations

import re
from dataclasses import replace

import pytest

from densenet import PRESETS, estimate_memory, plan, totals
from explorer.components.formatting import difference, exact, memory, short, signed
from explorer.page.headline import headline
from explorer.page.numbers import Numbers
from explorer.page.page_state import PageState, preset_state


def counts(state: PageState) -> list[int]:
    """The six numbers, by sums over the plan's rows and by the peaks of two kinds of step."""
    rows = plan(state.config, state.workload.image_size)
    return [
        sum(row.params for row in rows),
        sum(row.macs for row in rows),
        sum(row.op in ("conv", "linear") for row in rows),
        rows[-1].in_channels,
        *(estimate_memory(state.config, replace(state.workload, mode=mode)).peak for mode in ("infer", "train")),
    ]


def expected_values(state: PageState) -> list[str]:
    """What the tiles show of `state`."""
    return [write(n) for write, n in zip((short, short, str, exact, memory, memory), counts(state), strict=True)]


def parts(text: str, name: str) -> list[str]:
    """The texts of all elements of a class."""
    return [part.strip() for part in re.findall(rf'class="{name}(?: quiet)?">\s*(.*?)\s*</div>', text)]


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_the_tiles_of_every_preset(name: str) -> None:
    state = preset_state(name)
    state = replace(state, workload=replace(state.workload, batch_size=3, optimizer="adam", checkpointing="norm"))
    assert parts(headline(Numbers(state)), "tile-value") == expected_values(state)


def test_each_number_is_set_beside_the_preset_or_a() -> None:
    start, a = preset_state("densenet121"), preset_state("densenet169")
    assert headline(Numbers(start)).count("as the preset") == 6
    wider = replace(start, config=replace(start.config, growth_rate=64), workload=replace(start.workload, batch_size=2))
    for beside, name, text in ((start, "preset", headline(Numbers(wider))), (a, "A", headline(Numbers(wider), Numbers(a)))):
        changes = [
            signed(n - m) if i in (2, 3) else difference(n, m) for i, (n, m) in enumerate(zip(counts(wider), counts(beside), strict=True))
        ]
        notes = [f"{change} vs {name}" if change != "=" else f"as {'the ' * (name == 'preset')}{name}" for change in changes]
        assert parts(text, "tile-change") == notes


def test_what_pointing_at_a_tile_says_is_exact() -> None:
    state = preset_state("densenet121")
    state = replace(state, workload=replace(state.workload, optimizer="adam", checkpointing="layer", batch_size=8))
    text, sums = headline(Numbers(state)), totals(state.config)
    assert f'title="{exact(sums.params)} trainable values"' in text
    assert f"{exact(sums.macs)} multiply-accumulates" in text
    assert "8 images of 224\u00a0×\u00a0224" in text
    assert "Optimizer: adam; checkpointing: layer." in text


def test_the_net_of_the_sliders_has_its_name() -> None:
    state = preset_state("densenet169")
    assert "The sliders' net: <b>DenseNet-169</b>" in headline(Numbers(state))
    turned = replace(state, config=replace(state.config, growth_rate=24, block_config=(2, 3)))
    assert "The sliders' net: <b>k = 24, blocks 2-3</b>" in headline(Numbers(turned))
