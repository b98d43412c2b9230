"""The forecast of a step: more work takes longer, and nothing is asked of torch that some builds of it do not have."""

from __future__ import annotations

import pytest
import torch

from densenet import PRESETS, Workload
from densenet.measure.forecast import expected_peer_seconds, expected_seconds


def test_expected_seconds() -> None:
    net = PRESETS["densenet121"]
    infer = expected_seconds(net, Workload(), "cpu")
    train = expected_seconds(net, Workload(mode="train"), "cpu")
    assert 0.05 < infer < train
    assert expected_seconds(net, Workload(batch_size=8), "cpu") == pytest.approx(8 * infer)
    assert expected_seconds(net, Workload(checkpointing="layer"), "cpu") == infer
    norm, layer = (expected_seconds(net, Workload(mode="train", checkpointing=kind), "cpu") for kind in ("norm", "layer"))
    assert train < norm < layer < 2 * train
    assert expected_seconds(net, Workload(mode="train"), "cuda") < train


@pytest.mark.parametrize("native", [True, False])
def test_bfloat16_is_slow_where_the_processor_has_none(monkeypatch: pytest.MonkeyPatch, native: bool) -> None:
    monkeypatch.setattr(torch.cpu, "get_capabilities", lambda: {"avx512_bf16": native}, raising=False)
    net, plain, half = PRESETS["densenet121"], Workload(mode="train"), Workload(mode="train", precision="bfloat16")
    slower = expected_seconds(net, half, "cpu") / expected_seconds(net, plain, "cpu")
    assert slower == 1 if native else slower > 5
    slower = expected_peer_seconds("resnet18", net, half, "cpu") / expected_peer_seconds("resnet18", net, plain, "cpu")
    assert slower == 1 if native else slower > 5
    assert expected_seconds(net, half, "cuda") == expected_seconds(net, plain, "cuda")


def test_a_torch_without_onednn_is_no_error(monkeypatch: pytest.MonkeyPatch) -> None:
    """Its operators are absent there: `torch.ops.mkldnn` raises AttributeError at each name."""

    class Absent:
        def __getattr__(self, name: str) -> object:
            raise AttributeError(name)

    monkeypatch.setattr(torch.ops, "mkldnn", Absent())
    monkeypatch.delattr(torch.cpu, "get_capabilities", raising=False)
    assert expected_seconds(PRESETS["tiny"], Workload(image_size=32, precision="bfloat16"), "cpu") > 0
