"""The methods as facts: complete, readable without torch, and true of what the methods do."""

from __future__ import annotations

import inspect
import re
import subprocess
import sys
from pathlib import Path

import pytest

from densenet import PRESETS
from densenet.attribution import METHODS
from densenet.attribution.catalogue import check_option_names, method_of, options_of
from densenet.attribution.insertion import CONTROLS
from densenet.attribution.methods import RUN

NAMES = ["saliency", "input_x_gradient", "integrated_gradients", "smoothgrad", "grad_cam", "guided_grad_cam", "deep_lift", "occlusion"]


@pytest.mark.parametrize(
    "statement", ["import densenet.attribution.catalogue", "from densenet.attribution import METHODS, attribute, options_of"]
)
def test_facts_cost_no_torch(statement: str) -> None:
    code = (
        f"{statement}\nimport sys\n"
        "from densenet import PRESETS\n"
        "from densenet.attribution.catalogue import METHODS, options_of\n"
        "for name in METHODS: options_of(name, PRESETS['tiny'], 32, 32)\n"
        "print(*sorted({'torch', 'torchvision', 'captum', 'numpy', 'scipy'} & sys.modules.keys()))"
    )
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=root, capture_output=True, text=True, check=True)
    assert done.stdout.strip() == ""


def test_the_methods_are_named_for_people() -> None:
    assert list(METHODS) == list(RUN) == NAMES
    assert len({method.label for method in METHODS.values()}) == len(NAMES)
    for method in METHODS.values():
        assert method.label
        assert method.says
        assert not method.says.endswith("."), "the page sets it into a line"
        assert re.fullmatch(r"[A-Z][^.]*(\.[0-9][^.]*)*\.", method.known_wrong), "one sentence"
        assert re.search(r"arXiv \d{4}\.\d{4,5}", method.source)
        assert method.passes >= 1


@pytest.mark.parametrize("name", NAMES)
def test_what_it_can_be_told_is_what_it_takes(name: str) -> None:
    assert RUN[name].__doc__
    parameters = inspect.signature(RUN[name]).parameters.values()
    assert [p.name for p in parameters if p.kind is p.KEYWORD_ONLY] == [option.name for option in METHODS[name].options]


def test_how_each_is_judged() -> None:
    coarse, slow = ("grad_cam", "guided_grad_cam", "occlusion"), ("integrated_gradients", "smoothgrad", "occlusion")
    for name, method in METHODS.items():
        assert method.control in CONTROLS
        assert method.control == ("shifted" if name in coarse else "pixels")
        assert method.untrained_nets == (1 if name in slow else 5)
        assert method.slow == (name in slow) == (method.passes > 50)
        assert method.coarse == (name in coarse)
        assert method.hooks == (name in ("grad_cam", "guided_grad_cam", "deep_lift"))
        assert method.channels_alike == (name == "occlusion")


@pytest.mark.parametrize(("name", "count"), [("integrated_gradients", "steps"), ("smoothgrad", "samples")])
def test_many_images_cost_a_forward_and_a_backward_pass_each(name: str, count: str) -> None:
    [images] = [option.default for option in options_of(name, PRESETS["densenet121"], 224, 224) if option.name == count]
    assert METHODS[name].passes == 3 * images


def test_a_name_that_is_not_there_is_refused() -> None:
    assert method_of("saliency") is METHODS["saliency"]
    check_option_names("occlusion", ["window", "stride"])
    for method, given, sentence in (
        ("nonsense", [], r"method must be one of saliency, .*, got 'nonsense'"),
        ("occlusion", ["window", "stop"], "options of occlusion: there is no stop, there is window, stride, baseline"),
        ("saliency", ["so_far"], "options of saliency: there is no so_far, there is none"),
    ):
        with pytest.raises(ValueError, match=f"^{sentence}"):
            check_option_names(method, given)
