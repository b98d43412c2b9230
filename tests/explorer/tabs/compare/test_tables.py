"""Every number in a table of the compare tab is the library's, and every bar is as long as its number."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import pytest

from densenet import PRESETS, Workload, estimate_memory, totals
from densenet.compare.peers import PEERS, estimate_peer_memory, peer_counts
from densenet.compare.variants import ablation, variant_of
from densenet.config import MODES
from explorer.components.formatting import difference, error, exact, memory, short
from explorer.page.page_state import PageState, preset_state
from explorer.tabs.compare.tables import OURS, ablation_table, difference_table, key, peers_table, tutorial_a, tutorials_table
from tests.support.tables import read_table

TINY = PageState("tiny", PRESETS["tiny"], Workload(image_size=32, batch_size=2, mode="train"))
OTHER = replace(TINY, config=replace(TINY.config, growth_rate=6))


def peak(state: PageState, **fields: str) -> int:
    return estimate_memory(state.config, replace(state.workload, **fields)).peak  # type: ignore[arg-type]


def peer_peak(name: str, state: PageState, mode: str) -> int:
    return estimate_peer_memory(name, state.config, replace(state.workload, mode=mode)).peak


def plain(text: str) -> str:
    """As `read_table` gives it."""
    return " ".join(text.replace("\u00a0", " ").split())


def check_bars(widths: Sequence[Sequence[float]], values: Sequence[Sequence[float]]) -> None:
    """Each column has a scale of its own, from zero to its largest value."""
    longest = [max(column) for column in zip(*values, strict=True)]
    for drawn, numbers in zip(widths, values, strict=True):
        assert drawn == [pytest.approx(100 * n / most, abs=0.051) for n, most in zip(numbers, longest, strict=True)]


@pytest.mark.parametrize(("a", "b"), [(TINY, OTHER), (preset_state("densenet121"), preset_state("densenet169"))])
def test_differences_name_what_was_turned_and_every_count(a: PageState, b: PageState) -> None:
    head, *rows = read_table(difference_table(a, b)).rows
    assert (head[0], head[3]) == ("", "B beside A")
    turned = {"growth rate k": ("4", "6")} if a is TINY else {"blocks": ("6-12-24-16", "6-12-32-32")}
    sums = [totals(s.config, s.workload.image_size) for s in (a, b)]
    expected = [[name, *values] for name, values in turned.items()]
    expected.append(["parameters", *(exact(s.params) for s in sums)])
    expected.append(["MACs of one image", *(exact(s.macs) for s in sums)])
    expected.append(["depth", *(str(s.depth) for s in sums)])
    expected.append(["features out", *(exact(s.features_out) for s in sums)])
    expected.append(["inference peak", *(plain(memory(peak(s, mode="infer"))) for s in (a, b))])
    for words, kind in {"": "none", ", norms": "norm", ", layers": "layer"}.items():
        expected.append([f"training peak{words}", *(plain(memory(peak(s, mode="train", checkpointing=kind))) for s in (a, b))])
    assert [row[:3] for row in rows] == expected
    changes = {row[0]: row[3] for row in rows}
    assert changes["parameters"] == plain(difference(sums[1].params, sums[0].params))
    assert changes["inference peak"] == plain(difference(peak(b, mode="infer"), peak(a, mode="infer")))


def test_a_net_beside_itself_differs_in_nothing() -> None:
    _, *rows = read_table(difference_table(TINY, TINY)).rows
    assert {row[3] for row in rows} == {"="}
    assert rows[0] == ["fields", "all", "the same", "="]


def test_peers_are_shown_with_their_counts_and_what_was_measured() -> None:
    table = peers_table(TINY, None, {})
    for name, label in PEERS.items():
        assert label in table
        assert short(peer_counts(name, TINY.config, 32).params) in table
    assert table.count("<small>estimated</small>") == 2 * (1 + len(PEERS))
    estimate = estimate_memory(TINY.config, TINY.workload).peak
    measured = {key("resnet18", TINY, "train"): 123 * 2**20, key(OURS, TINY, "train"): estimate, key("chain", TINY, "infer"): "too <large>"}
    table = peers_table(TINY, None, measured)
    of_resnet = estimate_peer_memory("resnet18", TINY.config, TINY.workload).peak
    assert f"measured; estimate {error(of_resnet, 123 * 2**20)}" in table
    assert "123\u00a0MiB" in table
    assert f'title="measured {exact(123 * 2**20)} bytes, estimated {exact(of_resnet)}"' in table
    assert "measured; estimate +0.00\u00a0%" in table
    assert 'title="too &lt;large&gt;"' in table
    assert table.count("<small>estimated</small>") == 2 * (1 + len(PEERS)) - 3


def test_a_measurement_is_not_taken_for_another() -> None:
    adam = replace(TINY, workload=replace(TINY.workload, optimizer="adam", checkpointing="layer"))
    assert key(OURS, TINY, "infer") == key(OURS, adam, "infer"), "neither plays a part in inference"
    assert key(OURS, TINY, "train") != key(OURS, adam, "train")
    assert key("chain", adam, "train") == key("chain", replace(adam, workload=replace(adam.workload, checkpointing="none")), "train")
    assert key("chain", adam, "train") != key("chain", TINY, "train")
    frozen = replace(TINY, workload=replace(TINY.workload, frozen="features"))
    assert key(OURS, frozen, "train") != key(OURS, TINY, "train")
    assert key(OURS, frozen, "infer") == key(OURS, TINY, "infer"), "nothing is trained"
    assert key("chain", frozen, "train") == key("chain", TINY, "train"), "peers are trained whole"


@pytest.mark.parametrize("pinned", [None, OTHER])
def test_the_peers_table_holds_each_count_and_its_bar(pinned: PageState | None) -> None:
    read = read_table(peers_table(TINY, pinned, {}))
    head, *rows = read.rows
    assert head == ["net", "parameters", "MACs per image", "inference memory", "training memory"]
    own = [TINY, *([pinned] if pinned else [])]
    peers = [peer_counts(name, TINY.config, 32) for name in PEERS]
    counts = [totals(net.config, 32)[:2] for net in own] + [(peer.params, peer.macs) for peer in peers]
    assert [row[1:3] for row in rows] == [[plain(short(params)), plain(short(macs))] for params, macs in counts]
    for net, row in zip(own, rows, strict=False):
        assert row[3:] == [plain(f"{memory(peak(net, mode=mode))} | estimated") for mode in MODES]
    for name, row in zip(PEERS, rows[len(own) :], strict=True):
        assert row[3:] == [plain(f"{memory(peer_peak(name, TINY, mode))} | estimated") for mode in MODES]
    assert [row[0] for row in rows[len(own) :]] == list(PEERS.values())
    assert read.classes[1:] == ["mine", *(["pinned"] if pinned else []), *[""] * len(PEERS)]
    held = [[peak(net, mode=mode) for mode in MODES] for net in own] + [[peer_peak(name, TINY, mode) for mode in MODES] for name in PEERS]
    check_bars(read.widths[1:], [[*of, *memories] for of, memories in zip(counts, held, strict=True)])


def test_what_was_refused_is_still_estimated() -> None:
    read = read_table(peers_table(TINY, None, {key("resnet18", TINY, "train"): "too large"}))
    rows = {row[0]: (row, widths) for row, widths in zip(read.rows, read.widths, strict=True)}
    row, widths = rows["ResNet-18"]
    infer, train = (plain(memory(peer_peak("resnet18", TINY, mode))) for mode in MODES)
    assert row[3:] == [f"{infer} | estimated", f"{train} | estimated; refused"]
    assert len(widths) == 4


def test_the_ablation_holds_all_four_variants() -> None:
    read = read_table(ablation_table(TINY))
    _, *rows = read.rows
    values = []
    for config in ablation(TINY.config).values():
        state, sums = replace(TINY, config=config), totals(config, 32)
        held = [peak(state, mode="infer"), *(peak(state, mode="train", checkpointing=kind) for kind in ("none", "layer"))]
        values.append([sums.params, sums.macs, sums.depth, sums.features_out, *held])
    writers = (short, short, str, exact, memory, memory, memory)
    assert [row[1:] for row in rows] == [[plain(write(n)) for write, n in zip(writers, line, strict=True)] for line in values]
    check_bars(read.widths[1:], values)
    assert [row[0] for row in rows] == ["plain DenseNet", "B: bottleneck", "C: compression", "BC: both (this net)"]
    assert read.classes[1:] == ["", "", "", "mine"]
    assert variant_of(TINY.config) == "BC"


@pytest.mark.parametrize("allowance_gib", [0.0, 0.8, 80.0])
def test_tutorials_hold_what_is_counted_and_fits(allowance_gib: float) -> None:
    table = tutorials_table(allowance_gib * 2**30, {})
    assert table.count("✓ true") == 4
    assert table.count("✗ not so") == 1
    rows = {row[0]: row[1:] for row in read_table(table).rows}
    assert rows["DenseNet (classroom)"][0] == "3161 MiB"
    for shown_mib in (4065, 10937):
        budget = shown_mib * 2**20 - allowance_gib * 2**30
        for kind, cell in zip(("none", "norm", "layer"), rows[f"{shown_mib} MiB"], strict=True):
            asked, size = Workload(mode="train", optimizer="momentum", checkpointing=kind), int(cell)
            if size:
                assert estimate_memory(PRESETS["compact"], replace(asked, batch_size=size)).peak <= budget
            assert estimate_memory(PRESETS["compact"], replace(asked, batch_size=size + 1)).peak > budget


def test_a_measured_step_of_tutorial_a_is_set_beside_its_figure() -> None:
    state = tutorial_a()
    seen = estimate_memory(state.config, state.workload).peak
    rows = {row[0]: row for row in read_table(tutorials_table(0, {key(OURS, state, "train"): seen})).rows}
    assert rows["DenseNet (classroom)"][2] == plain(f"{memory(seen)} | measured; estimate +0.00 %")
    assert rows["ResNet-18"][2] == plain(f"{memory(peer_peak('resnet18', state, 'train'))} | estimated")
