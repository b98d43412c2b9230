"""Attribution maps against finite differences, plain autograd, formulas written out, and Captum itself."""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace

import pytest
import torch
from captum.attr import IntegratedGradients, LayerAttribution, LayerGradCam, Saliency
from torch import Tensor

from densenet import PRESETS, DenseNetConfig
from densenet.attribution import METHODS, Attribution, attribute
from densenet.model import DenseNet

Make = Callable[..., DenseNet]
TINY = PRESETS["tiny"]
CONFIGS = {
    "tiny": TINY,
    "no bottleneck": replace(TINY, bn_size=0),
    "one channel": replace(TINY, in_channels=1),
    "imagenet stem": replace(TINY, stem="imagenet"),
    "dropout": replace(TINY, drop_rate=0.5),
}


def photo(config: DenseNetConfig = TINY, height: int = 20, width: int = 14) -> Tensor:
    return torch.randn(1, config.in_channels, height, width, generator=torch.Generator().manual_seed(7))


def logit(model: DenseNet, x: Tensor, target: int) -> Tensor:
    with torch.no_grad():
        return model(x)[0, target]


@pytest.fixture(params=CONFIGS)
def net(request: pytest.FixtureRequest, make_net: Make) -> DenseNet:
    return make_net(CONFIGS[request.param])


def test_the_methods_are_named_for_people() -> None:
    assert {"saliency", "integrated_gradients", "grad_cam"} <= set(METHODS)
    for method in METHODS.values():
        assert method.label
        assert method.says
        assert method.run.__doc__, "each names its source"


@pytest.mark.parametrize("method", METHODS)
def test_shapes_and_signs(net: DenseNet, method: str) -> None:
    x = photo(net.config)
    result = attribute(net, x, 3, method)
    assert type(result) is Attribution
    assert result.map.shape == ((1, 1, 20, 14) if method == "grad_cam" else x.shape)
    assert result.map.dtype == x.dtype
    assert result.map.isfinite().all()
    maps = [result.map] if method != "grad_cam" else [attribute(net, x, target, method).map for target in range(10)]
    assert min(m.min() for m in maps) < 0 < max(m.max() for m in maps), "signed"
    assert not result.map.requires_grad
    assert (result.delta is None) == (method in ("saliency", "grad_cam"))


@pytest.mark.parametrize("method", METHODS)
def test_classes_have_maps_of_their_own(tiny: DenseNet, method: str) -> None:
    assert not torch.allclose(attribute(tiny, photo(), 0, method).map, attribute(tiny, photo(), 1, method).map)


def test_saliency_is_the_gradient(net: DenseNet) -> None:
    x = photo(net.config).requires_grad_()
    [expected] = torch.autograd.grad(net(x)[0, 4], x)
    saliency = attribute(net, x, 4, "saliency").map
    torch.testing.assert_close(saliency, expected, rtol=1e-5, atol=1e-7)
    torch.testing.assert_close(saliency, Saliency(net).attribute(photo(net.config).requires_grad_(), target=4, abs=False))
    assert x.grad is None


def test_saliency_against_finite_differences(make_net: Make) -> None:
    model, x, step = make_net(TINY).double(), photo().double(), 1e-7
    gradient = attribute(model, x, 2, "saliency").map
    for index in [(0, 0, 0, 0), (0, 1, 7, 5), (0, 2, 19, 13), (0, 0, 10, 9), (0, 2, 3, 12)]:
        nudge = torch.zeros_like(x)
        nudge[index] = step
        slope = (logit(model, x + nudge, 2) - logit(model, x - nudge, 2)) / (2 * step)
        assert gradient[index].item() == pytest.approx(slope.item(), rel=1e-4, abs=1e-8)


@pytest.mark.parametrize(("baseline", "steps"), [(0.0, 50), (-1.5, 50), ("tensor", 100)])
def test_integrated_gradients_are_complete(net: DenseNet, baseline: float | str, steps: int) -> None:
    x = photo(net.config)
    start = torch.full_like(x, 0.3).tanh() if baseline == "tensor" else baseline
    result = attribute(net, x, 5, "integrated_gradients", baseline=start, steps=steps)
    from_baseline = start if isinstance(start, Tensor) else torch.full_like(x, float(start))
    difference = (logit(net, x, 5) - logit(net, from_baseline, 5)).item()
    assert result.delta == pytest.approx(result.map.sum().item() - difference, abs=1e-5)
    assert abs(result.delta) < 0.05 * max(abs(difference), 0.5)


def test_integrated_gradients_are_captums(net: DenseNet) -> None:
    x = photo(net.config)
    expected, delta = IntegratedGradients(net).attribute(x, baselines=0.0, target=5, n_steps=50, return_convergence_delta=True)
    result = attribute(net, x, 5, "integrated_gradients")
    torch.testing.assert_close(result.map, expected.to(x.dtype), rtol=1e-4, atol=1e-6)
    assert result.delta == pytest.approx(delta.item(), abs=1e-5)


@pytest.mark.parametrize("internal_batch_size", [7, 50, 1000])
def test_the_internal_batch_does_not_change_the_map(tiny: DenseNet, internal_batch_size: int) -> None:
    expected = attribute(tiny, photo(), 5, "integrated_gradients")
    result = attribute(tiny, photo(), 5, "integrated_gradients", internal_batch_size=internal_batch_size)
    torch.testing.assert_close(result.map, expected.map, rtol=1e-4, atol=1e-6)
    assert result.delta == pytest.approx(expected.delta, abs=1e-5)


def test_more_steps_come_nearer(tiny: DenseNet) -> None:
    few, many = (attribute(tiny, photo(), 5, "integrated_gradients", steps=steps).delta for steps in (2, 400))
    assert few is not None
    assert many is not None
    assert abs(many) < abs(few)


def test_an_image_equal_to_its_baseline_has_no_attribution(tiny: DenseNet) -> None:
    result = attribute(tiny, torch.zeros(1, 3, 8, 8), 0, "integrated_gradients")
    assert not result.map.any()
    assert result.delta == pytest.approx(0, abs=1e-6)


def test_grad_cam_by_its_formula(net: DenseNet) -> None:
    """Selvaraju et al., equations 1 and 2 without the final ReLU, on the activation after the last ReLU."""
    x, target = photo(net.config), 6
    with torch.no_grad():
        activation = net.features(x).clamp(min=0)
    activation.requires_grad_()
    score = net.classifier(activation.mean((2, 3)))[0, target]
    [gradient] = torch.autograd.grad(score, activation)
    weights = gradient.mean((2, 3), keepdim=True)
    coarse = (weights * activation).sum(1, keepdim=True).detach()
    expected = torch.nn.functional.interpolate(coarse, x.shape[-2:], mode="bilinear", align_corners=False)
    torch.testing.assert_close(attribute(net, x, target, "grad_cam").map, expected, rtol=1e-4, atol=1e-7)


def test_grad_cam_is_captums_after_the_relu(make_net: Make) -> None:
    model, x = make_net(TINY), photo()
    coarse = LayerGradCam(model, model.relu5).attribute(x, target=1)
    expected = LayerAttribution.interpolate(coarse, (20, 14), interpolate_mode="bilinear")
    result = attribute(model, x, 1, "grad_cam").map
    torch.testing.assert_close(result, expected.detach(), rtol=1e-5, atol=1e-8)
    before = LayerGradCam(model, model.features.norm5).attribute(x, target=1)
    before = LayerAttribution.interpolate(before, (20, 14), interpolate_mode="bilinear")
    assert not torch.allclose(result, before.detach()), "norm5 is before the ReLU"


def state_of(model: DenseNet) -> list[object]:
    """Everything that a careless method would leave changed."""
    tensors = [*model.parameters(), *model.buffers()]
    state: list[object] = [(id(t), t._version, t.clone().flatten().tolist(), t.requires_grad, t.grad is None) for t in tensors]
    for name, module in model.named_modules():
        hooks = (module._forward_hooks, module._forward_pre_hooks, module._backward_hooks, module._backward_pre_hooks)
        state.append((name, id(module), module.training, [list(h) for h in hooks]))
    return state


@pytest.mark.parametrize("frozen", [True, False])
@pytest.mark.parametrize("method", METHODS)
def test_nothing_of_the_model_changes(make_net: Make, method: str, frozen: bool) -> None:
    model = make_net(TINY).requires_grad_(not frozen)
    x = photo()
    before, pixels = state_of(model), x.clone()
    attribute(model, x, 0, method)
    with pytest.raises(ValueError, match="no_such"):
        attribute(model, x, 0, method, no_such=1)
    assert state_of(model) == before
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
    photos = [torch.randn(1, 3, 16, 16, generator=torch.Generator().manual_seed(seed)) for seed in range(8)]
    options = {"steps": 8} if method == "integrated_gradients" else {}
    alone = [attribute(model, x, i, method, **options).map for i, x in enumerate(photos)]
    with ThreadPoolExecutor(8) as pool:
        together = list(pool.map(lambda i: attribute(model, photos[i], i, method, **options).map, range(8)))
    for expected, result in zip(alone, together, strict=True):
        torch.testing.assert_close(result, expected, rtol=1e-4, atol=1e-6)
    assert not any(p.requires_grad for p in model.parameters())


@pytest.mark.parametrize("method", ["", "Saliency", "gradcam", None, 3, ["saliency"]], ids=repr)
def test_a_bad_method_is_refused(tiny: DenseNet, method: object) -> None:
    with pytest.raises(ValueError, match=r"^method must be one of saliency, .*, got"):
        attribute(tiny, photo(), 0, method)  # type: ignore[arg-type]


@pytest.mark.parametrize("target", [-1, 10, True, 1.0, "1", None, torch.tensor(1)], ids=repr)
def test_a_bad_target_is_refused(tiny: DenseNet, target: object) -> None:
    with pytest.raises(ValueError, match=r"^target must be 0 to 9, got"):
        attribute(tiny, photo(), target, "saliency")  # type: ignore[arg-type]


@pytest.mark.parametrize("shape", [(2, 3, 8, 8), (0, 3, 8, 8), (3, 8, 8), (1, 1, 8, 8), (1, 4, 8, 8), (1, 3, 1, 8), (1, 3, 8, 0)], ids=str)
@pytest.mark.parametrize("method", METHODS)
def test_a_bad_shape_is_refused(tiny: DenseNet, method: str, shape: tuple[int, ...]) -> None:
    with pytest.raises(ValueError, match=r"^x must be "):
        attribute(tiny, torch.zeros(shape), 0, method)


@pytest.mark.parametrize("dtype", [torch.uint8, torch.int64, torch.float64, torch.float16, torch.bool], ids=str)
def test_a_bad_dtype_is_refused(tiny: DenseNet, dtype: torch.dtype) -> None:
    with pytest.raises(ValueError, match=rf"^x must be a torch.float32 tensor of shape 1 x 3 x H x W, got .* of {dtype}$"):
        attribute(tiny, photo().to(dtype), 0, "saliency")


@pytest.mark.parametrize(
    ("options", "name"),
    [
        ({"steps": 0}, "steps must be 1 to 1000, got 0"),
        ({"steps": 1001}, "steps must be 1 to 1000, got 1001"),
        ({"steps": True}, "steps must be 1 to 1000, got True"),
        ({"steps": 5.0}, "steps must be 1 to 1000, got 5.0"),
        ({"steps": "5"}, "steps must be 1 to 1000, got '5'"),
        ({"internal_batch_size": 0}, "internal_batch_size must be 1 to"),
        ({"internal_batch_size": -1}, "internal_batch_size must be 1 to"),
        ({"internal_batch_size": 2.5}, "internal_batch_size must be 1 to"),
        ({"baseline": float("nan")}, "baseline must be"),
        ({"baseline": float("inf")}, "baseline must be"),
        ({"baseline": "black"}, "baseline must be"),
        ({"baseline": None}, "baseline must be"),
        ({"baseline": True}, "baseline must be"),
        ({"baseline": torch.zeros(1, 3, 8, 8)}, "baseline must be"),
        ({"windows": 3}, "options of integrated_gradients: .*windows"),
    ],
    ids=str,
)
def test_a_bad_option_is_refused(tiny: DenseNet, options: dict[str, object], name: str) -> None:
    with pytest.raises(ValueError, match=f"^{name}"):
        attribute(tiny, photo(), 0, "integrated_gradients", **options)


@pytest.mark.parametrize("method", METHODS)
def test_a_training_net_is_refused(tiny: DenseNet, method: str) -> None:
    with pytest.raises(ValueError, match="the model must be in eval mode"):
        attribute(tiny.train(), photo(), 0, method)
