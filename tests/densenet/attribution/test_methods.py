"""Each method against its formula written out, finite differences, and Captum's own call on the same weights."""

from __future__ import annotations

import copy
from collections.abc import Callable

import pytest
import torch
from captum import attr as captum
from torch import Tensor, nn

from densenet.attribution import attribute
from densenet.measure.allocator import allocated_peak
from densenet.model.net import DenseNet
from densenet.weights.loading import load
from tests.support.explained import CONFIGS, THREE_BLOCKS, TINY, gradient, logit, photo

pytestmark = pytest.mark.filterwarnings("ignore:Setting")

Make = Callable[..., DenseNet]
close = torch.testing.assert_close


@pytest.fixture(params=CONFIGS)
def net(request: pytest.FixtureRequest, make_net: Make) -> DenseNet:
    return make_net(CONFIGS[request.param])


class Contrast(nn.Module):
    """The difference of two logits, for Captum's own calls."""

    def __init__(self, model: DenseNet, target: int, against: int) -> None:
        super().__init__()
        self.model, self.target, self.against = model, target, against

    def forward(self, x: Tensor) -> Tensor:
        logits = self.model(x)
        return logits[:, self.target] - logits[:, self.against]


# Saliency and input x gradient


def test_saliency_is_the_gradient(net: DenseNet) -> None:
    x = photo(net.config)
    saliency = attribute(net, x, 4, "saliency").map
    close(saliency, gradient(net, x, 4), rtol=1e-5, atol=1e-7)
    close(saliency, captum.Saliency(net).attribute(x.clone().requires_grad_(), target=4, abs=False))
    assert x.grad is None


def test_saliency_against_finite_differences(make_net: Make) -> None:
    model, x, step = make_net(TINY).double(), photo().double(), 1e-7
    slopes = attribute(model, x, 2, "saliency").map
    for index in [(0, 0, 0, 0), (0, 1, 7, 5), (0, 2, 19, 13), (0, 0, 10, 9), (0, 2, 3, 12)]:
        nudge = torch.zeros_like(x)
        nudge[index] = step
        slope = (logit(model, x + nudge, 2) - logit(model, x - nudge, 2)) / (2 * step)
        assert slopes[index].item() == pytest.approx(slope, rel=1e-4, abs=1e-8)


def test_input_x_gradient(net: DenseNet) -> None:
    x = photo(net.config)
    result = attribute(net, x, 4, "input_x_gradient").map
    close(result, x * gradient(net, x, 4), rtol=1e-5, atol=1e-7)
    close(result, captum.InputXGradient(net).attribute(x.clone().requires_grad_(), target=4).detach())


# Integrated gradients


@pytest.mark.parametrize(("baseline", "steps"), [(0.0, 50), (-1.5, 50), ("tensor", 100), ("blurred", 50)])
def test_integrated_gradients_are_complete(net: DenseNet, baseline: float | str, steps: int) -> None:
    x = photo(net.config)
    start = torch.full_like(x, 0.3).tanh() if baseline == "tensor" else baseline
    result = attribute(net, x, 5, "integrated_gradients", baseline=start, steps=steps)
    if baseline != "blurred":
        from_baseline = start if isinstance(start, Tensor) else torch.full_like(x, float(start))
        difference = logit(net, x, 5) - logit(net, from_baseline, 5)
        assert result.delta == pytest.approx(result.map.sum().item() - difference, abs=1e-5)
    assert result.delta is not None
    assert abs(result.delta) < 0.05 * max(abs(result.map.sum().item()), 0.5)


def test_integrated_gradients_are_captums(net: DenseNet) -> None:
    x = photo(net.config)
    expected, delta = captum.IntegratedGradients(net).attribute(x, baselines=0.0, target=5, n_steps=50, return_convergence_delta=True)
    result = attribute(net, x, 5, "integrated_gradients")
    close(result.map, expected.to(x.dtype), rtol=1e-4, atol=1e-6)
    assert result.delta == pytest.approx(delta.item(), abs=1e-5)


@pytest.mark.parametrize("internal_batch_size", [7, 50, 1000])
@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
def test_the_internal_batch_does_not_change_the_map(tiny: DenseNet, method: str, internal_batch_size: int) -> None:
    model, x = tiny.double(), photo().double()
    expected = attribute(model, x, 5, method)
    result = attribute(model, x, 5, method, internal_batch_size=internal_batch_size)
    close(result.map, expected.map, rtol=1e-6, atol=1e-9)
    assert result.delta == pytest.approx(expected.delta, abs=1e-5)


def test_more_steps_come_nearer(tiny: DenseNet) -> None:
    few, many = (attribute(tiny, photo(), 5, "integrated_gradients", steps=steps).delta for steps in (2, 400))
    assert few is not None
    assert many is not None
    assert abs(many) < abs(few)


@pytest.mark.parametrize(
    ("method", "few", "many"),
    [
        ("integrated_gradients", {"steps": 20}, {"steps": 200}),
        ("smoothgrad", {"samples": 32}, {"samples": 320}),
        ("occlusion", {"window": 8, "stride": 8}, {"window": 8, "stride": 2}),
    ],
)
def test_memory_does_not_grow_with_the_work(make_net: Make, method: str, few: dict[str, int], many: dict[str, int]) -> None:
    model, x = make_net(TINY), photo(height=32, width=32)
    little, much = (
        allocated_peak(lambda o=options: attribute(model, x, 0, method, internal_batch_size=8, **o)).tensors  # type: ignore[misc]
        for options in (few, many)
    )
    assert much < 1.05 * little


@pytest.mark.parametrize("method", ["integrated_gradients", "smoothgrad", "occlusion"])
def test_the_net_is_given_small_batches(make_net: Make, monkeypatch: pytest.MonkeyPatch, method: str) -> None:
    model, given = make_net(TINY), []
    plain = DenseNet.forward

    def counted(self: DenseNet, images: Tensor) -> Tensor:
        given.append(len(images))
        return plain(self, images)

    monkeypatch.setattr(DenseNet, "forward", counted)
    attribute(model, photo(), 0, method, **({"steps": 300} if method == "integrated_gradients" else {}))
    assert max(given) == 8
    given.clear()
    attribute(model, photo(), 0, method, internal_batch_size=5)
    assert max(given) == 5


# SmoothGrad


@pytest.mark.parametrize(("noise", "samples", "seed"), [(0.4, 33, 5), (0.1, 1, 2), (0.0, 3, 0)])
def test_smoothgrad_by_hand(net: DenseNet, noise: float, samples: int, seed: int) -> None:
    net, x = net.double(), photo(net.config).double()  # in float32 a ReLU near zero may switch with the batch
    deviation = noise * (x.max() - x.min()).item()
    drawn = torch.randn(samples, *x.shape[1:], generator=torch.Generator().manual_seed(seed))
    expected = sum(gradient(net, x + deviation * one, 6) for one in drawn.split(1)) / samples
    result = attribute(net, x, 6, "smoothgrad", noise=noise, samples=samples, seed=seed).map
    close(result, expected, rtol=1e-6, atol=1e-9)
    with torch.random.fork_rng():
        torch.manual_seed(seed)
        tunnel = captum.NoiseTunnel(captum.Saliency(net))
        theirs = tunnel.attribute(x.clone(), nt_samples=samples, stdevs=deviation, target=6, abs=False)
    close(result, theirs, rtol=1e-6, atol=1e-9)


def test_smoothgrad_depends_on_its_seed_alone(tiny: DenseNet) -> None:
    def run(seed: int) -> Tensor:
        return attribute(tiny, photo(), 1, "smoothgrad", samples=5, seed=seed).map

    torch.manual_seed(1)
    first = run(0)
    torch.manual_seed(2)
    assert torch.equal(run(0), first)
    assert not torch.allclose(run(1), first)
    assert torch.equal(attribute(tiny, photo(), 1, "smoothgrad", samples=5).map, first), "0 is the default"


# Grad-CAM


def by_formula(model: DenseNet, x: Tensor, target: int, block: int) -> Tensor:
    """Selvaraju et al., equations 1 and 2 without the final ReLU, on the ReLU after dense block `block`; coarse."""
    features = x
    last = len(model.config.block_config)
    for name, module in model.features.named_children():
        if name == ("norm5" if block == last else f"transition{block}"):
            norm = module if block == last else module.norm
            activation = norm(features).clamp(min=0).detach().requires_grad_()
            features = activation if block == last else module.pool(module.conv(activation))
        else:
            features = module(features)
    score = model.classifier((features if block == last else features.clamp(min=0)).mean((2, 3)))[0, target]
    [slopes] = torch.autograd.grad(score, activation)
    return (slopes.mean((2, 3), keepdim=True) * activation).sum(1, keepdim=True).detach()


@pytest.mark.parametrize("block", [1, 2, 3])
@pytest.mark.parametrize("interpolation", ["nearest", "bilinear", "bicubic"])
def test_grad_cam_by_its_formula(make_net: Make, block: int, interpolation: str) -> None:
    model, x = make_net(THREE_BLOCKS), photo(THREE_BLOCKS)
    coarse = by_formula(model, x, 6, block)
    assert coarse.shape[2:] == [(20, 14), (10, 7), (5, 3)][block - 1]
    expected = nn.functional.interpolate(coarse, x.shape[-2:], mode=interpolation)
    close(attribute(model, x, 6, "grad_cam", block=block, interpolation=interpolation).map, expected, rtol=1e-4, atol=1e-7)


def test_grad_cam_by_its_formula_on_every_kind_of_net(net: DenseNet) -> None:
    x = photo(net.config)
    expected = nn.functional.interpolate(by_formula(net, x, 6, 2), x.shape[-2:], mode="bilinear", align_corners=False)
    close(attribute(net, x, 6, "grad_cam").map, expected, rtol=1e-4, atol=1e-7)


def test_grad_cam_is_captums_after_the_relu(make_net: Make) -> None:
    model, x = make_net(THREE_BLOCKS), photo()
    layers = (model.features.transition1.relu, model.features.transition2.relu, model.relu5)
    for block, layer in enumerate(layers, start=1):
        coarse = captum.LayerGradCam(model, layer).attribute(x, target=1)
        expected = captum.LayerAttribution.interpolate(coarse, (20, 14), interpolate_mode="bilinear")
        close(attribute(model, x, 1, "grad_cam", block=block).map, expected.detach(), rtol=1e-5, atol=1e-8)
    before = captum.LayerGradCam(model, model.features.norm5).attribute(x, target=1)
    before = captum.LayerAttribution.interpolate(before, (20, 14), interpolate_mode="bilinear")
    assert not torch.allclose(attribute(model, x, 1, "grad_cam").map, before.detach()), "norm5 is before the ReLU"


# Methods with rules of their own at the ReLUs


class Guided(torch.autograd.Function):
    """Springenberg et al., arXiv 1412.6806: back through a ReLU comes what is positive, where the input was."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, x: Tensor) -> Tensor:
        context.save_for_backward(x)
        return x.clamp(min=0)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, slopes: Tensor) -> Tensor:
        [x] = context.saved_tensors  # type: ignore[attr-defined]
        return slopes.clamp(min=0) * (x > 0)


class Rescaled(torch.autograd.Function):
    """Shrikumar et al., arXiv 1704.02685, section 3.5.1, on the pair of image and baseline."""

    @staticmethod
    def forward(context: torch.autograd.function.FunctionCtx, pair: Tensor) -> Tensor:
        context.save_for_backward(pair)
        return pair.clamp(min=0)

    @staticmethod
    def backward(context: torch.autograd.function.FunctionCtx, slopes: Tensor) -> Tensor:
        [pair] = context.saved_tensors  # type: ignore[attr-defined]
        difference = pair[:1] - pair[1:]
        risen = pair[:1].clamp(min=0) - pair[1:].clamp(min=0)
        return slopes * torch.where(difference.abs() < 1e-10, (pair[:1] > 0).to(pair.dtype), risen / difference)


def with_rule(model: DenseNet, rule: type[torch.autograd.Function]) -> DenseNet:
    changed = copy.deepcopy(model)
    for module in list(changed.modules()):
        for name, child in module.named_children():
            if isinstance(child, nn.ReLU):
                replaced = nn.Module()
                replaced.forward = rule.apply  # type: ignore[method-assign]
                setattr(module, name, replaced)
    return changed


@pytest.mark.parametrize("block", [1, 2, 3])
def test_guided_grad_cam_by_hand(make_net: Make, block: int) -> None:
    model, x = make_net(THREE_BLOCKS), photo()
    coarse = by_formula(model, x, 6, block).clamp(min=0)
    expected = gradient(with_rule(model, Guided), x, 6) * nn.functional.interpolate(coarse, x.shape[-2:], mode="bilinear")
    result = attribute(model, x, 6, "guided_grad_cam", block=block).map
    close(result, expected, rtol=1e-3, atol=1e-7)
    assert result.any()


@pytest.mark.parametrize("interpolation", ["nearest", "bilinear"])
@pytest.mark.parametrize("against", [None, 8])
def test_guided_grad_cam_is_captums(net: DenseNet, against: int | None, interpolation: str) -> None:
    x = photo(net.config)
    explained, target = (net, 3) if against is None else (Contrast(net, 3, against), None)
    theirs = captum.GuidedGradCam(explained, net.relu5).attribute(x.clone().requires_grad_(), target=target, interpolate_mode=interpolation)
    result = attribute(net, x, 3, "guided_grad_cam", against=against, interpolation=interpolation).map
    close(result, theirs.detach(), rtol=1e-4, atol=1e-7)


@pytest.mark.parametrize("baseline", [0.0, -1.0])
def test_deep_lift_by_hand(make_net: Make, baseline: float) -> None:
    model, x = make_net(THREE_BLOCKS).double(), photo().double()
    start = torch.full_like(x, baseline)
    leaf = x.clone().requires_grad_()
    [multipliers] = torch.autograd.grad(with_rule(model, Rescaled)(torch.cat([leaf, start]))[0, 6], leaf)
    result = attribute(model, x, 6, "deep_lift", baseline=baseline)
    close(result.map, multipliers * (x - start), rtol=1e-6, atol=1e-10)
    difference = logit(model, x, 6) - logit(model, start, 6)
    assert result.map.sum().item() == pytest.approx(difference, abs=1e-8), "complete where there is no max pooling"
    assert result.delta == pytest.approx(0, abs=1e-8)


@pytest.mark.parametrize("against", [None, 8])
@pytest.mark.parametrize("baseline", [0.0, -2.0, "blurred"])
def test_deep_lift_is_captums(net: DenseNet, baseline: float | str, against: int | None) -> None:
    x = photo(net.config)
    start = baseline
    if baseline == "blurred":
        from torchvision.transforms.functional import gaussian_blur

        start = gaussian_blur(x, [7, 7], [14 / 16] * 2)
    private = copy.deepcopy(net)
    explained, target = (private, 3) if against is None else (Contrast(private, 3, against), None)
    theirs, delta = captum.DeepLift(explained).attribute(
        x.clone().requires_grad_(), baselines=start, target=target, return_convergence_delta=True
    )
    result = attribute(net, x, 3, "deep_lift", baseline=baseline, against=against)
    close(result.map, theirs.detach(), rtol=1e-3, atol=1e-5)
    assert result.delta == pytest.approx(delta.item(), abs=1e-4)


def test_deep_lift_shows_its_error_after_max_pooling(make_net: Make) -> None:
    """The delta is measured, never assumed: the stem's ReLU and overlapping max pooling make it inexact."""
    model, x = make_net(CONFIGS["imagenet stem"]), photo(height=32, width=32)
    result = attribute(model, x, 3, "deep_lift", baseline=-2.0)
    difference = logit(model, x, 3) - logit(model, torch.full_like(x, -2.0), 3)
    assert result.delta == pytest.approx(result.map.sum().item() - difference, abs=1e-4)
    assert result.delta is not None
    assert abs(result.delta) > 0.01 * abs(difference)


def test_every_relu_is_a_module_that_runs_once(net: DenseNet) -> None:
    """DeepLIFT refuses a module that runs twice, and sees no ReLU that is none."""
    model, runs = copy.deepcopy(net), []
    relus = [module for module in model.modules() if isinstance(module, nn.ReLU)]
    for relu in relus:
        relu.register_forward_hook(lambda module, _args, _out: runs.append(id(module)))
    model(photo(net.config))
    assert sorted(runs) == sorted(map(id, relus))
    assert not any(relu.inplace for relu in relus)
    dense_layers, blocks = sum(net.config.block_config), len(net.config.block_config)
    assert len(relus) == dense_layers * (2 if net.config.bn_size else 1) + (blocks - 1) + 1 + (net.config.stem == "imagenet")


# Occlusion


@pytest.mark.parametrize(("window", "stride"), [(4, 4), (4, 2), (5, 3), (14, 14), (3, 1)])
def test_occlusion_by_hand(net: DenseNet, window: int, stride: int) -> None:
    x = photo(net.config, 15, 14)
    start = torch.full_like(x, 0.25)
    whole = logit(net, x, 7)
    total, covering = torch.zeros(15, 14), torch.zeros(15, 14)
    for top in range(0, 15 - window + stride, stride):
        for left in range(0, 14 - window + stride, stride):
            covered = x.clone()
            square = (..., slice(top, top + window), slice(left, left + window))
            covered[square] = start[square]
            total[square] += whole - logit(net, covered, 7)
            covering[square] += 1
    assert covering.min() > 0
    expected = (total / covering).expand(x.shape)
    result = attribute(net, x, 7, "occlusion", window=window, stride=stride, baseline=0.25).map
    close(result, expected, rtol=1e-3, atol=1e-5)


@pytest.mark.parametrize("against", [None, 8])
def test_occlusion_is_captums(net: DenseNet, against: int | None) -> None:
    x = photo(net.config, 17, 22)
    explained, target = (net, 3) if against is None else (Contrast(net, 3, against), None)
    channels = x.shape[1]
    theirs = captum.Occlusion(explained).attribute(
        x, sliding_window_shapes=(channels, 2, 2), strides=(channels, 1, 1), baselines=0.0, target=target, perturbations_per_eval=50
    )
    close(attribute(net, x, 3, "occlusion", against=against, window=2).map, theirs, rtol=1e-4, atol=1e-6)


# The embedded net, as the page uses it


def test_the_embedded_net() -> None:
    model = load("cifar10")
    x = photo(model.config, 32, 32) / 2
    mean, std = (
        torch.tensor(values)[None, :, None, None] for values in (model.weights.preprocessing.mean, model.weights.preprocessing.std)
    )
    black = -mean / std
    for method in ("integrated_gradients", "deep_lift"):
        result = attribute(model, x, 5, method, baseline="black")
        difference = logit(model, x, 5) - logit(model, black.expand(x.shape), 5)
        assert result.delta == pytest.approx(result.map.sum().item() - difference, abs=1e-3)
        assert abs(result.delta) < 0.1 * abs(difference)
        close(result.map, attribute(model, x, 5, method, baseline=black.expand(x.shape)).map)
