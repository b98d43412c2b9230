"""What is asked before a map and its checks is what they run; what they take of memory is tested with `densenet.running.affordable`."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from densenet import PRESETS
from densenet.attribution import METHODS, attribute, expected_seconds
from densenet.attribution.cost import check_film, check_map, check_trust
from densenet.attribution.trust import trust
from densenet.model.net import DenseNet
from densenet.running import affordable, batching
from densenet.running.batching import seconds_per_image
from tests.support.explained import photo

pytestmark = pytest.mark.filterwarnings("ignore:Setting")


@pytest.fixture
def asked(monkeypatch: pytest.MonkeyPatch) -> list[dict[str, Any]]:
    """What `check_affordable` is asked, in the order of the calls."""
    calls: list[dict[str, Any]] = []
    monkeypatch.setattr(affordable, "check_affordable", lambda *_arguments, **given: calls.append(given))
    return calls


@pytest.mark.parametrize("method", METHODS)
def test_a_map_asks_for_its_own_time(tiny: DenseNet, method: str, asked: list[dict[str, Any]]) -> None:
    options = {"steps": 7} if method == "integrated_gradients" else {"window": 5} if method == "occlusion" else {}
    check_map(tiny, photo(), method, **options)  # type: ignore[arg-type]
    [call] = asked
    assert call["besides_seconds"] == pytest.approx(expected_seconds(tiny, photo(), method, **options))
    assert call["passes"] == 0, "they are in the seconds"
    if not METHODS[method].slow:
        assert call["images"] == {"guided_grad_cam": 2, "deep_lift": 4}.get(method, 1)
    assert call["most_seconds"] == affordable.MOST_SECONDS
    assert ("steps" in call["advice"]) == METHODS[method].slow


@pytest.mark.parametrize("method", ["occlusion", "smoothgrad"])
def test_as_many_images_are_asked_for_as_go_at_once(
    tiny: DenseNet, method: str, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    sizes: list[tuple[int, int, bool]] = []

    def three(_config: object, height: int, width: int, _device: object, *, gradients: bool) -> int:
        sizes.append((height, width, gradients))
        return 3

    monkeypatch.setattr(batching, "stoppable_batch", three)
    check_map(tiny, torch.rand(1, 3, 32, 48), method)
    assert asked[0]["images"] == 3
    assert set(sizes) == {(32, 48, method != "occlusion")}


def test_a_bad_option_is_refused_as_by_the_map_itself(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"^steps must be 1 to 1000, got 0"):
        check_map(tiny, photo(), "integrated_gradients", steps=0)


@pytest.mark.parametrize("method", ["saliency", "grad_cam", "integrated_gradients"])
def test_checks_ask_for_all_that_they_run(
    tiny: DenseNet, method: str, asked: list[dict[str, Any]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The map, those of the untrained nets, and every image of insertion and deletion, counted while they run."""
    x, facts = photo(), METHODS[method]
    check_trust(tiny, x, method)
    maps, images = [0], [0]
    inside = [False]
    plain = DenseNet.forward

    def counted(self: DenseNet, batch: torch.Tensor) -> torch.Tensor:
        images[0] += 0 if inside[0] else len(batch)
        return plain(self, batch)

    def explain(net: DenseNet) -> Any:
        maps[0] += 1
        inside[0] = True
        try:
            return attribute(net, x, 1, method)
        finally:
            inside[0] = False

    monkeypatch.setattr(DenseNet, "forward", counted)
    list(trust(tiny, x, 1, explain, control=facts.control, nets=facts.untrained_nets))
    expected = maps[0] * expected_seconds(tiny, x, method) + images[0] * seconds_per_image(tiny.config, 20, 14, x.device)
    assert asked[0]["besides_seconds"] == pytest.approx(expected)
    assert maps[0] == 1 + facts.untrained_nets


def test_the_film_strip_asks_for_a_pass_forward_and_back(tiny: DenseNet, asked: list[dict[str, Any]]) -> None:
    check_film(tiny, photo())
    [call] = asked
    assert call["passes"] == 3
    assert call["gradients"]
    assert call.get("most_seconds", affordable.QUICK_SECONDS) == affordable.QUICK_SECONDS, "nobody can stop it"


def test_the_longest_checks_of_published_nets_are_not_refused() -> None:
    """On this project's smallest machines, by the cautious estimate."""
    x = torch.zeros(1, 3, 224, 224)
    for name in ("densenet121", "densenet169", "densenet201", "densenet161"):
        with torch.device("meta"):
            model = DenseNet(PRESETS[name])
        for method, facts in METHODS.items():
            seconds = (1 + facts.untrained_nets) * expected_seconds(model, x, method)
            assert seconds + 155 * seconds_per_image(model.config, 224, 224, x.device) < affordable.MOST_SECONDS, (name, method)
