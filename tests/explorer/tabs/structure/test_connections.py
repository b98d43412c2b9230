"""The connections as the page is told of them: counted one by one, and the lines of code that make them."""

from __future__ import annotations

import inspect
import json

import pytest
import torch

from densenet import PRESETS
from densenet.arithmetic.costs import steps
from densenet.model import net
from explorer.tabs.structure.connections import CODE, connections


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_block_is_counted(name: str) -> None:
    config, of = PRESETS[name], steps(PRESETS[name], 64)
    blocks = json.loads(connections(config, 64))["blocks"]
    assert len(blocks) == len(config.block_config)
    for shown, layers in zip(blocks, config.block_config, strict=True):
        assert shown["connections"] == sum(1 for reader in range(1, layers + 1) for _ in range(reader)), "layer n reads n sources"
        first = shown["first"]
        assert (of[first].block, of[first].layer) == (shown["block"], 1)
        assert shown["reads"] == [step.received for step in of[first : first + layers + 1]]
        assert shown["reads"][0] == shown["start"]
        assert shown["added"] == config.growth_rate


def test_the_six_layers_of_the_first_block_have_21_connections() -> None:
    first = json.loads(connections(PRESETS["densenet121"], 224))["blocks"][0]
    assert first["connections"] == 21
    assert first["behind"] == "transition 1"
    assert json.loads(connections(PRESETS["densenet121"], 224))["blocks"][-1]["behind"] == "classifier"


def test_the_code_that_is_shown_is_what_a_block_does() -> None:
    source = "def block(self, x):\n" + "\n".join(f"    {line}" for line in CODE)
    names: dict[str, object] = {"torch": torch}
    exec(source, names)
    block = net.DenseBlock(3, 4, PRESETS["tiny"], "none").eval()
    x = torch.randn(2, 4, 5, 5)
    block_of_the_page = names["block"]
    assert callable(block_of_the_page)
    assert torch.equal(block_of_the_page(block, x), block(x))
    assert "torch.cat" in inspect.getsource(net._on_all), "where the model does it"
