"""The page's state in its address: there and back, and rubbish answered."""

from __future__ import annotations

from dataclasses import replace
from urllib.parse import parse_qsl

import pytest
from hypothesis import given
from hypothesis import strategies as st

from densenet import PRESETS, DenseNetConfig, Workload
from densenet.config import PRECISIONS, STEMS
from explorer.page.address import from_query, pinned_from_query, to_query
from explorer.page.page_state import PageState, preset_state
from tests.explorer.page.test_fields import ALL_DIFFERENT

configs = st.builds(
    DenseNetConfig,
    growth_rate=st.integers(1, 512),
    block_config=st.lists(st.integers(1, 256), min_size=1, max_size=8).map(tuple),
    num_init_features=st.integers(1, 1024),
    bn_size=st.integers(0, 64),
    compression=st.floats(0.01, 1.0),
    drop_rate=st.floats(0.0, 0.99),
    num_classes=st.integers(1, 100_000),
    in_channels=st.integers(1, 64),
    stem=st.sampled_from(STEMS),
)
asked = st.fixed_dictionaries(
    {
        "mode": st.sampled_from(["train", "infer"]),
        "checkpointing": st.sampled_from(["none", "norm", "layer"]),
        "optimizer": st.sampled_from(["sgd", "momentum", "adam"]),
        "precision": st.sampled_from(PRECISIONS),
    }
)


@st.composite
def states(draw: st.DrawFn) -> PageState:
    """Any valid page."""
    config, size = draw(configs), draw(st.integers(1, 4096))
    workload = Workload(image_size=max(size, config.smallest_image_size), batch_size=draw(st.integers(1, 65_536)), **draw(asked))
    return PageState(draw(st.sampled_from(sorted(PRESETS))), config, workload)


# What people write into addresses: words of ours with values of theirs.
KEYS = [
    "preset",
    "k",
    "blocks",
    "bn",
    "theta",
    "stem",
    "init",
    "drop",
    "classes",
    "in",
    "size",
    "batch",
    "mode",
    "opt",
    "a",
    "zz",
    "__theme",
]
rubbish = st.dictionaries(
    st.sampled_from(KEYS),
    st.one_of(st.text(max_size=40), st.integers().map(str), st.floats().map(str), st.sampled_from(["6-12", "6--1", "-"])),
)


@given(states())
def test_there_and_back(state: PageState) -> None:
    assert from_query(dict(parse_qsl(to_query(state)))) == (state, [])


@given(rubbish)
def test_rubbish_gives_a_valid_page_and_says_what_changed(query: dict[str, str]) -> None:
    state, problems = from_query(query)
    assert state.config.smallest_image_size <= state.workload.image_size <= 4096
    again, none_left = from_query(dict(parse_qsl(to_query(state))))
    assert (again, none_left) == (state, [])
    assert all(sentence.endswith(".") for sentence in problems)


@pytest.mark.parametrize(
    ("query", "field", "value"),
    [
        ({"k": "999"}, "growth_rate", 512),
        ({"k": "-4"}, "growth_rate", 1),
        ({"k": "abc"}, "growth_rate", 32),
        ({"k": "nan"}, "growth_rate", 32),
        ({"bn": "1e99"}, "bn_size", 64),
        ({"blocks": "6-0-300-x"}, "block_config", (6, 1, 256)),
        ({"blocks": ""}, "block_config", (6, 12, 24, 16)),
        ({"blocks": "1-1-1-1-1-1-1-1-1", "size": "1024"}, "block_config", (1,) * 8),
        ({"theta": "0"}, "compression", 0.01),
        ({"stem": "7x7"}, "stem", "imagenet"),
    ],
)
def test_nearest_valid_value(query: dict[str, str], field: str, value: object) -> None:
    state, problems = from_query(query)
    assert getattr(state.config, field) == value
    assert len(problems) == 1
    assert next(iter(query)) in problems[0]


def test_each_field_has_a_key_of_its_own_in_a_fixed_order() -> None:
    assert to_query(ALL_DIFFERENT) == (
        "preset=tiny&k=7&bn=2&init=13&in=4&classes=17&blocks=3-5-9&theta=0.33&drop=0.2&stem=imagenet"
        "&size=61&batch=11&mode=infer&ckpt=norm&opt=adam&prec=bfloat16"
    )
    assert from_query(dict(parse_qsl(to_query(ALL_DIFFERENT)))) == (ALL_DIFFERENT, [])


def test_too_small_an_input_becomes_the_smallest_that_works() -> None:
    state, problems = from_query({"preset": "classroom", "size": "3"})
    assert state.workload.image_size == 29
    assert "29" in problems[0]


def test_untouched_presets_have_short_addresses() -> None:
    assert {to_query(preset_state(name)) for name in PRESETS} == {f"preset={name}" for name in PRESETS}
    assert to_query(replace(preset_state("tiny"), workload=Workload(image_size=32, batch_size=8, mode="train"))) == "preset=tiny&batch=8"


@given(states(), states())
def test_a_pinned_net_goes_into_the_address_and_back(state: PageState, pinned: PageState) -> None:
    query = dict(parse_qsl(to_query(state, pinned)))
    assert from_query(query) == (state, [])
    assert pinned_from_query(query) == (pinned, [])
    assert pinned_from_query(dict(parse_qsl(to_query(state)))) == (None, [])


def test_a_bad_pinned_net_is_the_nearest_valid_one() -> None:
    pinned, problems = pinned_from_query({"a": "preset=tiny&k=0&a=preset"})
    assert pinned is not None
    assert pinned.config.growth_rate == 1
    assert problems[0].startswith("Of the pinned net: k='0'")
