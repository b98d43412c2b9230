"""What every attribution method promises: shapes, contrast, a model left as it was, progress, giving up, and answers to bad input."""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from pathlib import Path

import pytest
import torch
from torch import Tensor, nn

from densenet.attribution import METHODS, Attribution, attribute, expected_seconds, film_strip, options_of, pixel_map
from densenet.model.net import DenseNet
from densenet.running.batching import seconds_per_image
from densenet.stopping import Cancelled, go_on
from tests.support.explained import CONFIGS, THREE_BLOCKS, TINY, logit, photo, state_of
from tests.support.stops import CountedStop, given_up_anywhere

pytestmark = pytest.mark.filterwarnings("ignore:Setting")  # Captum's, which the library silences outside pytest

Make = Callable[..., DenseNet]
NAMES = ["saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "grad_cam", "guided_grad_cam", "deep_lift", "occlusion"]
SLOW = ("integrated_gradients", "smoothgrad", "occlusion")
FEW = {"integrated_gradients": {"steps": 8}, "smoothgrad": {"samples": 4}, "occlusion": {"window": 4, "stride": 4}}


@pytest.fixture(params=CONFIGS)
def net(request: pytest.FixtureRequest, make_net: Make) -> DenseNet:
    return make_net(CONFIGS[request.param])


@pytest.mark.parametrize("method", METHODS)
def test_shapes_and_signs(net: DenseNet, method: str) -> None:
    x = photo(net.config)
    result = attribute(net, x, 3, method)
    assert type(result) is Attribution
    assert result.map.shape == ((1, 1, 20, 14) if method == "grad_cam" else x.shape)
    assert result.map.dtype == x.dtype
    assert result.map.isfinite().all()
    maps = [result.map] if "grad_cam" not in method else [attribute(net, x, target, method).map for target in range(10)]
    assert min(m.min() for m in maps) < 0 < max(m.max() for m in maps), "signed"
    assert not result.map.requires_grad
    assert (result.delta is not None) == METHODS[method].has_delta


@pytest.mark.parametrize("dtype", [torch.float64, torch.bfloat16], ids=str)
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
@pytest.mark.parametrize("method", METHODS)
def test_other_precisions(make_net: Make, method: str, stem: str, dtype: torch.dtype) -> None:
    config = replace(TINY, stem=stem)
    options: dict[str, object] = {"window": 10, "baseline": -2.0} if method == "occlusion" else {}  # what falls less is lost in bfloat16
    target = next(t for t in range(10) if attribute(make_net(config), photo(config), t, method).map.any())
    expected = attribute(make_net(config), photo(config), target, method, **options).map
    result = attribute(make_net(config).to(dtype), photo(config).to(dtype), target, method, **options)
    assert result.map.dtype == dtype
    assert result.map.isfinite().all()
    if dtype == torch.float64 and not (method == "deep_lift" and stem == "imagenet"):
        torch.testing.assert_close(result.map.float(), expected, rtol=1e-3, atol=1e-5)
    else:  # in bfloat16 ReLUs near zero switch
        assert nn.functional.cosine_similarity(result.map.double().flatten(), expected.double().flatten(), dim=0) > 0.95


@pytest.mark.parametrize("value", [0.0, 0.7])
@pytest.mark.parametrize("method", METHODS)
@pytest.mark.parametrize("stem", ["cifar", "imagenet"])
def test_empty_images_have_a_map(make_net: Make, stem: str, method: str, value: float) -> None:
    net = make_net(replace(TINY, stem=stem))
    x = torch.full((1, net.config.in_channels, 16, 16), value)
    result = attribute(net, x, 0, method)
    assert result.map.isfinite().all()
    assert result.delta is None or abs(result.delta) < 1
    if value == 0 and method in ("input_x_gradient", "integrated_gradients", "deep_lift", "occlusion"):
        torch.testing.assert_close(result.map, torch.zeros_like(x), rtol=0, atol=1e-6, msg="nothing differs from the baseline")
    if "baseline" in {option.name for option in METHODS[method].options}:
        blurred = attribute(net, x, 0, method, baseline="blurred").map
        torch.testing.assert_close(blurred, torch.zeros_like(x), rtol=0, atol=1e-5)


@pytest.mark.parametrize("method", METHODS)
def test_classes_have_maps_of_their_own(tiny: DenseNet, method: str) -> None:
    assert not torch.allclose(attribute(tiny, photo(), 0, method).map, attribute(tiny, photo(), 1, method).map)


@pytest.mark.parametrize("method", [name for name in METHODS if name != "guided_grad_cam"])
def test_contrast_is_the_difference_of_two_maps(net: DenseNet, method: str) -> None:
    """All but guided Grad-CAM are linear in what they explain."""
    x = photo(net.config)
    options = FEW.get(method, {})
    contrast = attribute(net, x, 3, method, against=8, **options)
    ours, theirs = attribute(net, x, 3, method, **options), attribute(net, x, 8, method, **options)
    torch.testing.assert_close(contrast.map, ours.map - theirs.map, rtol=1e-3, atol=1e-5)
    if contrast.delta is not None:
        assert ours.delta is not None
        assert theirs.delta is not None
        assert contrast.delta == pytest.approx(ours.delta - theirs.delta, abs=1e-4)
        zero = torch.zeros_like(x)
        difference = logit(net, x, 3) - logit(net, x, 8) - (logit(net, zero, 3) - logit(net, zero, 8))
        assert contrast.delta == pytest.approx(contrast.map.sum().item() - difference, abs=1e-4)


@pytest.mark.parametrize("against", [None, 4])
def test_the_film_strip_is_grad_cam_after_each_block(make_net: Make, monkeypatch: pytest.MonkeyPatch, against: int | None) -> None:
    model, x = make_net(THREE_BLOCKS), photo(THREE_BLOCKS)
    expected = [attribute(model, x, 2, "grad_cam", block=block, against=against, interpolation="nearest") for block in (1, 2, 3)]
    forwards: list[int] = []
    plain = DenseNet.forward

    def counted(self: DenseNet, images: Tensor) -> Tensor:
        forwards.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(DenseNet, "forward", counted)
    before = state_of(model)
    with torch.no_grad():
        strip = film_strip(model, x, 2, against, interpolation="nearest")
    assert forwards == [1]
    assert state_of(model) == before
    assert [frame.delta for frame in strip] == [None] * 3
    for frame, alone in zip(strip, expected, strict=True):
        torch.testing.assert_close(frame.map, alone.map, rtol=1e-5, atol=1e-8)
        assert not frame.map.requires_grad
    assert not torch.allclose(strip[0].map, strip[1].map)


def test_a_bad_film_strip_is_refused(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"^target must be 0 to 9, got 10"):
        film_strip(tiny, photo(), 10)
    with pytest.raises(ValueError, match=r"^interpolation must be one of nearest, bilinear, bicubic, got 'area'"):
        film_strip(tiny, photo(), 1, interpolation="area")


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_the_model_changes(make_net: Make, method: str, frozen: bool) -> None:
    model = make_net(TINY).requires_grad_(not frozen)
    x = photo()
    torch.manual_seed(11)
    before, pixels, random = state_of(model), x.clone(), torch.get_rng_state()
    attribute(model, x, 0, method, stop=go_on)
    with pytest.raises(Cancelled):
        attribute(model, x, 0, method, stop=CountedStop(3))
    with pytest.raises(ValueError, match="no_such"):
        attribute(model, x, 0, method, no_such=1)
    assert state_of(model) == before
    assert torch.equal(torch.get_rng_state(), random)
    assert torch.equal(x, pixels)
    assert not x.requires_grad


@pytest.mark.parametrize("method", METHODS)
def test_gradients_are_taken_though_the_caller_switched_them_off(tiny: DenseNet, method: str) -> None:
    expected = attribute(tiny, photo(), 0, method).map
    with torch.no_grad():
        torch.testing.assert_close(attribute(tiny, photo(), 0, method).map, expected)


@pytest.mark.parametrize("method", METHODS)
def test_eight_threads_at_once(make_net: Make, method: str) -> None:
    model = make_net(TINY).requires_grad_(False)
    before = state_of(model)
    photos = [photo(height=16, width=16, seed=seed) for seed in range(8)]
    options = FEW.get(method, {})
    alone = [attribute(model, x, i, method, **options).map for i, x in enumerate(photos)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: attribute(model, photos[i % 8], i % 8, method, **options).map, range(16)))
    for i, result in enumerate(together):
        torch.testing.assert_close(result, alone[i % 8], rtol=1e-4, atol=1e-6)
    assert state_of(model) == before


IMAGES = {"integrated_gradients": 50, "smoothgrad": 50, "occlusion": 20 * 14}  # of 20 x 14 pixels, in squares of one


@pytest.mark.parametrize("against", [None, 2])
@pytest.mark.parametrize("method", SLOW)
def test_progress_ends_in_the_map(tiny: DenseNet, method: str, against: int | None) -> None:
    told: list[tuple[int, int]] = []
    maps: list[Tensor] = []

    def progress(done: int, total: int) -> None:
        told.append((done, total))
        assert len(maps) == len(told), "the map so far comes first"

    x, size = photo(), 8  # a divisor of 32: so many noisy images are drawn at once
    result = attribute(tiny, x, 3, method, against=against, internal_batch_size=size, progress=progress, so_far=maps.append, stop=go_on)
    total = IMAGES[method]
    assert told == [(min(done, total), total) for done in range(size, total + size, size)]
    assert all(m.shape == result.map.shape and m.dtype == result.map.dtype and not m.requires_grad for m in maps)
    torch.testing.assert_close(maps[-1], result.map, rtol=1e-4, atol=1e-6)
    errors = [(m - result.map).norm().item() for m in maps]
    assert errors[0] > errors[len(errors) // 2] > errors[-1]


@pytest.mark.parametrize("method", SLOW)
def test_either_may_be_told_alone(tiny: DenseNet, method: str) -> None:
    told: list[tuple[int, int]] = []
    maps: list[Tensor] = []
    attribute(tiny, photo(), 3, method, progress=lambda *news: told.append(news), **FEW[method])
    attribute(tiny, photo(), 3, method, so_far=maps.append, **FEW[method])
    assert len(told) == len(maps) > 0


@pytest.mark.parametrize("method", [name for name in METHODS if name not in SLOW])
def test_quick_methods_tell_nothing(tiny: DenseNet, method: str) -> None:
    told: list[object] = []
    attribute(tiny, photo(), 3, method, progress=lambda *news: told.append(news), so_far=told.append)
    assert told == []


@pytest.mark.parametrize("method", METHODS)
def test_a_method_can_be_given_up_anywhere(tiny: DenseNet, method: str) -> None:
    expected = attribute(tiny, photo(), 1, method, **FEW.get(method, {})).map
    whole = CountedStop()
    torch.testing.assert_close(attribute(tiny, photo(), 1, method, stop=whole, **FEW.get(method, {})).map, expected)
    convolutions = sum(isinstance(module, nn.Conv2d) for module in tiny.modules())
    assert whole.calls >= 1 + convolutions * (1 if method in ("grad_cam", "occlusion") else 2), "at each convolution, forward and backward"
    every = max(1, whole.calls // 9)
    assert given_up_anywhere(lambda stop: attribute(tiny, photo(), 1, method, stop=stop, **FEW.get(method, {})), every) == whole.calls


@pytest.mark.parametrize("method", METHODS)
def test_it_is_asked_at_each_convolution(tiny: DenseNet, method: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """So that no more than one convolution of one batch lies between a wish to give up and the end."""
    plain = nn.Conv2d.forward
    run: list[bool] = []  # for each convolution, whether it will be asked for its gradient

    def counted(self: nn.Conv2d, images: Tensor) -> Tensor:
        result = plain(self, images)
        run.append(result.requires_grad)
        return result

    between: list[int] = []
    asked = [0]

    def stop() -> None:
        between.append(len(run) - asked[0])
        asked[0] = len(run)

    monkeypatch.setattr(nn.Conv2d, "forward", counted)
    attribute(tiny, photo(), 1, method, stop=stop, internal_batch_size=3, **FEW.get(method, {}))
    assert between[0] == 0, "before the start"
    assert max(between) == 1
    cam = {"grad_cam": 0, "guided_grad_cam": len(run) // 2}  # Grad-CAM's gradient ends behind the last convolution
    assert len(between) == 1 + len(run) + cam.get(method, sum(run))
    assert any(run) == (method != "occlusion")


@pytest.mark.parametrize(
    ("method", "options", "passes"),
    [
        ("saliency", {}, 3),
        ("grad_cam", {"block": 1}, 2),
        ("integrated_gradients", {}, 150),
        ("integrated_gradients", {"steps": 7, "baseline": "blurred"}, 21),
        ("smoothgrad", {"samples": 9}, 27),
        ("occlusion", {}, 20 * 14),
        ("occlusion", {"window": 5}, 9 * 6),  # by its half, 2: tops 0, 2 ... 16, the last square cut
        ("occlusion", {"window": 14, "stride": 14}, 2),
    ],
    ids=str,
)
def test_the_cost_follows_the_options(tiny: DenseNet, method: str, options: dict[str, object], passes: int) -> None:
    x = photo()
    each = seconds_per_image(tiny.config, 20, 14, x.device)
    assert expected_seconds(tiny, x, method, **options) == pytest.approx(passes * each)
    images = [0]
    tiny.register_forward_hook(lambda _net, args, _out: images.__setitem__(0, images[0] + len(args[0])))
    attribute(tiny, x, 1, method, **options)
    if method == "occlusion":
        assert images[0] == 1 + passes, "and the whole photo"


def test_the_cost_of_nonsense_is_refused(tiny: DenseNet) -> None:
    with pytest.raises(ValueError, match=r"^steps must be 1 to 1000, got 0"):
        expected_seconds(tiny, photo(), "integrated_gradients", steps=0)
    with pytest.raises(ValueError, match=r"^method must be one of"):
        expected_seconds(tiny, photo(), "nonsense")


@pytest.mark.parametrize("method", METHODS)
def test_a_pixels_value_is_its_channels_sum_or_what_each_of_them_says(tiny: DenseNet, method: str) -> None:
    values = attribute(tiny, photo(), 1, method, **FEW.get(method, {})).map
    pixels = pixel_map(method, values)
    assert pixels.shape == (20, 14)
    alike = values.shape[1] > 1 and bool((values == values[:, :1]).all())
    assert alike == METHODS[method].channels_alike
    torch.testing.assert_close(pixels, values[0, 0] if alike else values[0].sum(0))


def test_captum_says_nothing_on_the_console() -> None:
    code = (
        "import torch\nfrom densenet import PRESETS\nfrom densenet.model import DenseNet\n"
        "from densenet.attribution import METHODS, attribute\n"
        "for name in METHODS: attribute(DenseNet(PRESETS['tiny']).eval(), torch.zeros(1, 3, 8, 8), 0, name)"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, timeout=120, check=True)
    assert done.stdout + done.stderr == ""


@pytest.mark.parametrize("method", ["", "Saliency", "gradcam", None, 3, ["saliency"]], ids=repr)
def test_a_bad_method_is_refused(tiny: DenseNet, method: object) -> None:
    with pytest.raises(ValueError, match=r"^method must be one of saliency, .*, got"):
        attribute(tiny, photo(), 0, method)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^method must be one of saliency, .*, got"):
        options_of(method, TINY, 32, 32)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [-1, 10, True, 1.0, "1", None, torch.tensor(1)], ids=repr)
def test_a_bad_target_is_refused(tiny: DenseNet, target: object) -> None:
    with pytest.raises(ValueError, match=r"^target must be 0 to 9, got"):
        attribute(tiny, photo(), target, "saliency")  # type: ignore[arg-type]


@pytest.mark.parametrize("against", [-1, 10, True, 1.0, "1", torch.tensor(1)], ids=repr)
def test_a_bad_contrast_is_refused(tiny: DenseNet, against: object) -> None:
    with pytest.raises(ValueError, match=r"^against must be 0 to 9, got"):
        attribute(tiny, photo(), 2, "saliency", against=against)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"^against must be another class than the target, got 2 for both"):
        attribute(tiny, photo(), 2, "saliency", against=2)


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (0, 3, 8, 8), (3, 8, 8), (1, 1, 8, 8), (1, 4, 8, 8), (1, 3, 1, 8), (1, 3, 8, 0)], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_bad_shape_is_refused(tiny: DenseNet, method: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^x must be "):
        attribute(tiny, torch.zeros(shape), 0, method)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64, torch.float16, torch.bool], ids=str)
def test_a_bad_dtype_is_refused(tiny: DenseNet, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"^x must be a torch.float32 tensor of shape 1 x 3 x H x W, got .* of {dtype}$"):
        attribute(tiny, photo().to(dtype), 0, "saliency")


@pytest.mark.parametrize("size", [0, -1, 1001, 2.5, True, "8"], ids=repr)
def test_a_bad_batch_is_refused(tiny: DenseNet, size: object) -> None:
    with pytest.raises(ValueError, match=r"^internal_batch_size must be 1 to 1000, got"):
        attribute(tiny, photo(), 0, "smoothgrad", internal_batch_size=size)  # type: ignore[arg-type]


@pytest.mark.parametrize("method", METHODS)
def test_a_training_net_is_refused(tiny: DenseNet, method: str) -> None:
    with pytest.raises(ValueError, match="the model must be in eval mode"):
        attribute(tiny.train(), photo(), 0, method)
