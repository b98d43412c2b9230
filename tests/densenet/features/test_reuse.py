"""Feature reuse against a triple loop over the weights, cell by cell."""

from __future__ import annotations

import json
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from hypothesis import given, settings

from densenet import PRESETS, DenseNetConfig
from densenet.features.reuse import BlockReuse, input_read, late_over_early, reuse
from densenet.features.wiring import Reader, Source
from densenet.model.net import DenseNet
from densenet.weights.loading import load
from tests.conftest import randomised
from tests.densenet.features.test_wiring import configs

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]


def by_loops(model: DenseNet, block: BlockReuse) -> list[list[float | None]]:
    """The definition, one weight after the other."""
    matrix: list[list[float | None]] = []
    for number, reader in enumerate(block.readers, start=1):
        weight = model.get_submodule(reader.module).weight
        gamma = model.get_submodule(reader.norm).weight
        row: list[float | None] = []
        for index, source in enumerate(block.sources):
            if index >= number:
                row.append(None)
                continue
            total, count = 0.0, 0
            for out in range(weight.shape[0]):
                for channel in range(source.start, source.stop):
                    for value in weight[out, channel].flatten().tolist():
                        total += abs(value) * (abs(gamma[channel].item()) if block.weighted else 1.0)
                        count += 1
            row.append(total / count)
        matrix.append(row)
    return matrix


@pytest.mark.parametrize("weighted", [False, True])
@pytest.mark.parametrize(
    "config",
    [TINY, replace(TINY, bn_size=0), replace(TINY, block_config=(3,), growth_rate=1), replace(TINY, stem="imagenet", compression=0.3)],
    ids=["tiny", "no bottleneck", "one block", "imagenet stem"],
)
def test_every_cell_by_loops(make_net: Make, config: DenseNetConfig, weighted: bool) -> None:
    model = make_net(config)
    for block in reuse(model, weighted):
        for row, expected in zip(block.matrix, by_loops(model, block), strict=True):
            assert [value is None for value in row] == [value is None for value in expected]
            assert [v for v in row if v is not None] == pytest.approx([v for v in expected if v is not None], rel=1e-6)


@settings(max_examples=40)
@given(configs)
def test_what_holds_for_every_net(config: DenseNetConfig) -> None:
    model = DenseNet(config)
    randomised(model)
    blocks = reuse(model)
    assert [block.block for block in blocks] == list(range(1, len(config.block_config) + 1))
    for block in blocks:
        for number, (row, shares, reader) in enumerate(zip(block.matrix, block.normalised, block.readers, strict=True), start=1):
            assert [value is None for value in row] == [index >= number for index in range(len(block.sources))]
            assert max(share for share in shares if share is not None) == 1.0
            widths = [source.stop - source.start for source in block.sources[:number]]
            whole = model.get_submodule(reader.module).weight.abs().double().mean().item()
            assert sum(w * value for w, value in zip(widths, row, strict=False)) / sum(widths) == pytest.approx(whole, rel=1e-6)


def test_one_large_weight_is_found(make_net: Make) -> None:
    model = make_net(TINY)
    first = TINY.num_init_features
    with torch.no_grad():
        model.features.denseblock2.denselayer2.conv1.weight.zero_()
        model.features.denseblock2.denselayer2.conv1.weight[0, first // 2 + TINY.growth_rate, 0, 0] = -64.0
    cells = reuse(model)[1]
    made_by_layer_1 = cells.sources[1]
    assert made_by_layer_1.start == first // 2 + TINY.growth_rate, "the block's input is (8 + 2 x 4) / 2 channels"
    assert cells.matrix[1] == (0.0, 64.0 / (16 * 4), None)
    assert cells.normalised[1] == (0.0, 1.0, None)


def test_a_row_of_zeros_stays_one(make_net: Make) -> None:
    model = make_net(TINY)
    with torch.no_grad():
        model.classifier.weight.zero_()
    assert reuse(model)[1].normalised[2] == (0.0, 0.0, 0.0)
    assert "0.00 of its row's largest" in reuse(model)[1].formula(3, 1)


def test_the_formula_of_a_cell(make_net: Make) -> None:
    config = replace(TINY, growth_rate=32, num_init_features=64, block_config=(2, 6))
    model = make_net(config)
    block = reuse(model)[1]
    value, share = block.matrix[4][2], block.normalised[4][2]
    assert block.formula(5, 2) == (
        "mean |w| of features.denseblock2.denselayer5.conv1 over channels 96 to 127, made by denselayer2: "
        f"{value:.3g}; {share:.2f} of its row's largest"
    )
    assert "over channels 0 to 63, made by features.transition1, the block's input: " in block.formula(1, 0)
    assert reuse(model, weighted=True)[0].formula(3, 1).startswith("mean |γ w| of features.transition1.conv over channels 64 to 95")
    for reader, source, name in [(0, 0, "reader must be 1 to 7"), (8, 0, "reader must be 1 to 7"), (2, 2, "source must be 0 to 1")]:
        with pytest.raises(ValueError, match=name):
            block.formula(reader, source)


def test_json(tiny: DenseNet) -> None:
    def keys(value: object) -> set[str]:
        if isinstance(value, dict):
            return set(value) | {key for inner in value.values() for key in keys(inner)}
        return {key for inner in value for key in keys(inner)} if isinstance(value, list) else set()

    answer = [block.as_dict() for block in reuse(tiny)]
    assert json.loads(json.dumps(answer, allow_nan=False)) == answer
    assert "path" not in keys(answer), "Gradio's clients take a path for a file to fetch"
    assert answer[0]["matrix"][0][1] is None


def test_the_net_is_only_read_by_eight_threads(tiny: DenseNet) -> None:
    before = [(p.clone(), p._version) for p in tiny.parameters()]
    expected = reuse(tiny, weighted=True)
    with ThreadPoolExecutor(8) as pool:
        assert all(result == expected for result in pool.map(lambda _: reuse(tiny, weighted=True), range(8)))
    assert all(torch.equal(p, old) and p._version == version for p, (old, version) in zip(tiny.parameters(), before, strict=True))


def block_of(block: int, *rows: tuple[float | None, ...]) -> BlockReuse:
    """A block of which only the weights matter."""
    sources = tuple(Source(f"s{i}", f"s{i}", i, i + 1) for i in range(len(rows)))
    readers = tuple(Reader(f"r{i}", f"r{i}", "norm", i) for i in range(1, len(rows) + 1))
    return BlockReuse(block, False, sources, readers, rows)


def test_how_much_transitions_are_read_by_hand() -> None:
    first = block_of(1, (9.0, None, None), (0.0, 9.0, None), (0.0, 9.0, 9.0))  # no transition comes before it
    second = block_of(2, (5.0, None, None), (1.0, 4.0, None), (2.0, 1.0, 2.0))
    third = block_of(3, (7.0, None), (3.0, 3.0))
    read = input_read((first, second, third))
    assert read is not None
    assert (read.least, read.rows) == (2, 3), "1 of 4, and 3 of 3 as little as any; not 2, where another has 1"
    assert read.share == pytest.approx((0.25 + 1 + 1) / 3)
    assert read.others == pytest.approx((1 + 0.5 + 1 + 1) / 4)
    assert input_read((first,)) is None


@pytest.mark.parametrize(
    ("row", "times"),
    [((1.0, 3.0), 3.0), ((1.0, 100.0, 3.0), 3.0), ((1.0, 2.0, 4.0, 8.0), 4.0), ((0.0, 5.0), None), ((4.0, 0.0), 0.0)],
    ids=str,
)
def test_late_over_early_by_hand(row: tuple[float, ...], times: float | None) -> None:
    other = (9.0,) * len(row)
    blocks = (block_of(1, (7.0, None), (1.0, 50.0)), block_of(2, *[other] * (len(row) - 1), row))
    assert late_over_early(blocks) == (None if times is None else pytest.approx(times))


def test_what_the_paper_found_of_a_real_net() -> None:
    blocks = reuse(load("cifar10"))
    rows = [[v for v in row if v is not None] for block in blocks[1:] for row in block.normalised if row[1] is not None]
    read = input_read(blocks)
    assert read is not None
    assert (read.least, read.rows) == (sum(row[0] <= min(row[1:]) for row in rows), len(rows))
    assert read.share == pytest.approx(sum(row[0] for row in rows) / len(rows))
    classifier = blocks[-1].matrix[-1]
    half = len(classifier) // 2  # an odd one in the middle is in neither
    assert late_over_early(blocks) == pytest.approx(sum(classifier[-half:]) / sum(classifier[:half]))  # type: ignore[arg-type]
