"""The tutorials' claims beside independent counts."""

from __future__ import annotations

import pytest
import torch
import torchvision
from torch import nn

from densenet import PRESETS, Workload, estimate_memory
from densenet.compare.tutorials import A_SHOWN_MIB, B_SAID_LOSSES, B_SHOWN_MIB, B_WORKLOAD, batch_sizes_of_b, claims, classes_guessed_among
from densenet.measure.measurement import measure_peer
from densenet.model.net import DenseNet


def test_claims_hold_or_not() -> None:
    assert [claim.holds for claim in claims()] == [True, True, True, True, False]


def test_claims_against_the_modules() -> None:
    """The same facts from torch's own modules rather than from the plan."""
    ours = [m for m in DenseNet(PRESETS["classroom"]).modules() if isinstance(m, nn.Conv2d)]
    resnet = torchvision.models.resnet18(num_classes=10)
    theirs = [m for m in resnet.modules() if isinstance(m, nn.Conv2d)]
    assert len(ours) == len(theirs) == 20
    assert max(m.in_channels for m in ours) <= 256 < max(m.in_channels for m in theirs)
    assert max(m.weight.numel() for m in ours) == 62_208 > 10 * 248 + 10


@pytest.mark.parametrize("shown", B_SHOWN_MIB)
def test_the_batch_of_b_is_the_largest_that_is_shown_so(shown: int) -> None:
    allowance = 0.8 * 2**30
    size = batch_sizes_of_b(shown, allowance)
    peaks = [
        estimate_memory(PRESETS["compact"], Workload(image_size=224, batch_size=b, mode="train", optimizer=B_WORKLOAD.optimizer)).peak
        for b in (size, size + 1)
    ]
    assert peaks[0] + allowance <= shown * 2**20 < peaks[1] + allowance


def test_no_batch_is_left_where_the_allowance_takes_all() -> None:
    assert batch_sizes_of_b(4065, 8 * 2**30) == 0


def test_a_is_right_that_its_densenet_needs_more_than_resnet_18() -> None:
    config = PRESETS["classroom"]
    few, more = (Workload(image_size=96, batch_size=size, mode="train") for size in (2, 6))
    ours = estimate_memory(config, more).peak - estimate_memory(config, few).peak
    theirs = measure_peer("resnet18", config, more, "cpu").peak - measure_peer("resnet18", config, few, "cpu").peak
    assert ours > theirs, "what each image adds decides at the batches that a card is filled with"
    assert A_SHOWN_MIB["classroom"] > A_SHOWN_MIB["resnet18"]


def test_what_the_losses_of_b_would_be_guesses_among() -> None:
    for classes in (10, 40):
        loss = nn.functional.cross_entropy(torch.zeros(1, classes), torch.tensor([3])).item()
        assert classes_guessed_among(loss) == pytest.approx(classes, rel=1e-5)
    assert round(classes_guessed_among(B_SAID_LOSSES[0])) == 40
