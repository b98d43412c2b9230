"""What a trained net may be asked: one image that it can read, and one of its classes."""

from __future__ import annotations

import pytest
import torch

from densenet.model import DenseNet
from densenet.model.inputs import check_class, check_input


def test_what_it_can_read(tiny: DenseNet) -> None:
    check_input(tiny, torch.zeros(1, 3, 2, 2))
    check_input(tiny, torch.zeros(1, 3, 9, 5))
    check_input(tiny.double(), torch.zeros(1, 3, 9, 5, dtype=torch.float64))


@pytest.mark.parametrize("shape", [(3, 8, 8), (2, 3, 8, 8), (0, 3, 8, 8), (1, 1, 8, 8), (1, 3, 8, 8, 1), (1, 3)], ids=str)
def test_a_wrong_shape_is_named(tiny: DenseNet, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"x must be a torch.float32 tensor of shape 1 x 3 x H x W, got ") as caught:
        check_input(tiny, torch.zeros(shape))
    assert f"got {shape} of torch.float32" in str(caught.value)


def test_another_number_type_is_named(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"got \(1, 3, 8, 8\) of torch.float16"):
        check_input(tiny, torch.zeros(1, 3, 8, 8, dtype=torch.float16))


@pytest.mark.parametrize(("height", "width"), [(1, 8), (8, 1)])
def test_too_small_is_named_with_the_smallest_that_works(tiny: DenseNet, height: int, width: int) -> None:
    with pytest.raises(ValueError, match=f"x must be at least 2 pixels high and wide for this net, got {height} x {width}"):
        check_input(tiny, torch.zeros(1, 3, height, width))


def test_a_net_in_training_is_refused(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match="the model must be in eval mode"):
        check_input(tiny.train(), torch.zeros(1, 3, 8, 8))


def test_a_class_is_one_of_the_nets(tiny: DenseNet) -> None:
    check_class(tiny, 0)
    check_class(tiny, 9)
    for bad in (-1, 10):
        with pytest.raises(ValueError, match=f"^target must be 0 to 9, got {bad}$"):
            check_class(tiny, bad)
    for odd in (True, 1.0, "1", None):
        with pytest.raises(ValueError, match=r"^against must be 0 to 9, got .*, which is not an integer$"):
            check_class(tiny, odd, "against")  # type: ignore[arg-type]
