"""Who reads whom, against the plan's concatenations and the model's modules."""

from __future__ import annotations

from itertools import pairwise

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig
from densenet.arithmetic.plan import plan
from densenet.config import STEMS
from densenet.features.wiring import block_wiring, wiring
from densenet.model.net import DenseNet

configs = st.builds(
    DenseNetConfig,
    growth_rate=st.integers(1, 5),
    block_config=st.lists(st.integers(1, 4), min_size=1, max_size=3).map(tuple),
    num_init_features=st.integers(1, 6),
    bn_size=st.integers(0, 2),
    compression=st.floats(0.01, 1.0),
    num_classes=st.integers(1, 5),
    stem=st.sampled_from(STEMS),
)


@given(configs)
def test_sources_and_readers_are_the_plans(config: DenseNetConfig) -> None:
    rows = {row.path: row for row in plan(config, config.smallest_image_size)}
    blocks = wiring(config)
    assert [block.block for block in blocks] == list(range(1, len(config.block_config) + 1))
    for block in blocks:
        assert len(block.sources) == len(block.readers) == config.block_config[block.block - 1] + 1
        for before, after in pairwise(block.sources):
            assert before.stop == after.start
            joined = rows[f"{after.module}.cat"]
            assert (joined.in_channels, joined.out_channels) == (after.start, after.stop)
        assert block.sources[0].start == 0
        first = block.sources[0]
        assert first.stop == rows[first.module if block.block == 1 else f"{first.module}.conv"].out_channels
        for number, reader in enumerate(block.readers):
            assert reader.channels == rows[reader.module].in_channels == rows[reader.norm].in_channels == block.sources[number].stop


@pytest.mark.parametrize("name", ["tiny", "densenet121", "densenet_40_12", "classroom"])
def test_every_name_is_a_module_of_the_net(name: str) -> None:
    with torch.device("meta"):
        model = DenseNet(PRESETS[name])
    for block in wiring(PRESETS[name]):
        for source in block.sources:
            model.get_submodule(source.module)
        for reader in block.readers:
            assert model.get_submodule(reader.module).weight.shape[1] == reader.channels
            assert model.get_submodule(reader.norm).num_features == reader.channels


def test_names_for_people() -> None:
    first, last = wiring(PRESETS["tiny"])
    assert [s.name for s in first.sources] == ["input", "denselayer1", "denselayer2"]
    assert [r.name for r in first.readers] == ["denselayer1", "denselayer2", "transition1"]
    assert [r.name for r in last.readers] == ["denselayer1", "denselayer2", "classifier"]
    assert first.sources[0].module == "features.conv0"
    assert last.sources[0].module == "features.transition1"
    assert wiring(PRESETS["densenet121"])[0].sources[0].module == "features.pool0"


@pytest.mark.parametrize("block", [0, 3, True, "1", 1.0])
def test_a_block_that_is_not_there(block: object) -> None:
    assert block_wiring(PRESETS["tiny"], 2).block == 2
    with pytest.raises(ValueError, match=r"^block must be 1 to 2, got"):
        block_wiring(PRESETS["tiny"], block)  # type: ignore[arg-type]
