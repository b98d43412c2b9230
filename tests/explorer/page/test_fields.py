"""The one table of the page's fields: it holds every field of a net and of what is asked of it, each once."""

from __future__ import annotations

from dataclasses import fields

import pytest

from densenet import PRESETS, DenseNetConfig, Workload
from explorer.page.fields import ADDRESS_FIELDS, FIELDS, Field, placed
from explorer.page.page_state import PageState

ALL_DIFFERENT = PageState(  # from the preset, and from each other: what is exchanged is seen
    "tiny",
    DenseNetConfig(
        growth_rate=7,
        block_config=(3, 5, 9),
        num_init_features=13,
        bn_size=2,
        compression=0.33,
        drop_rate=0.2,
        num_classes=17,
        in_channels=4,
        stem="imagenet",
    ),
    Workload(image_size=61, batch_size=11, mode="infer", checkpointing="norm", optimizer="adam", precision="bfloat16"),
)


def test_every_field_of_config_and_workload_has_its_row() -> None:
    for owner in (DenseNetConfig, Workload):
        named = sorted(f.name for f in fields(owner) if f.name != "frozen")  # which is said where a training starts
        assert sorted(f.name for f in FIELDS if f.owner is owner) == named


def test_keys_labels_and_names_stand_once() -> None:
    for words in ([f.key for f in FIELDS], [f.label for f in FIELDS], [f.name for f in FIELDS]):
        assert len(words) == len(set(words))
    assert not {f.key for f in FIELDS} & {"preset", "a", "tab", "__theme"}, "these mean something else in an address"
    assert sorted(ADDRESS_FIELDS, key=FIELDS.index) == list(FIELDS)
    assert [f for place in ("sidebar", "step", "more") for f in placed(place)] == list(FIELDS)  # type: ignore[arg-type]


def test_no_two_values_of_the_state_that_differs_are_equal() -> None:
    values = [field.of(ALL_DIFFERENT) for field in FIELDS]
    assert len(set(map(str, values))) == len(values)
    assert all(field.of(ALL_DIFFERENT) != field.of(ALL_DIFFERENT.reference) for field in FIELDS)


@pytest.mark.parametrize("field", FIELDS, ids=lambda field: field.name)
def test_the_owner_accepts_both_ends_and_nothing_beyond(field: Field) -> None:
    def owner_of(value: object) -> object:
        return field.owner(**{field.name: (value,) if field.kind == "blocks" else value})  # type: ignore[arg-type]

    if field.kind == "choice":
        assert {choice for _, choice in field.words} == set(field.choices), "each choice has its words"
        for choice in field.choices:
            owner_of(choice)
        with pytest.raises(ValueError, match=field.name):
            owner_of("another")
        return
    low, high = field.span
    owner_of(low)
    owner_of(high)
    if field.comfortable is not None:
        assert low < field.comfortable < high
        preset_values = [getattr(config, field.name) for config in PRESETS.values()] if field.owner is DenseNetConfig else []
        assert all((max(v) if isinstance(v, tuple) else v) <= field.comfortable for v in preset_values)
    for beyond in (low - 1, high + 1):
        with pytest.raises(ValueError, match=field.name):
            owner_of(beyond)
