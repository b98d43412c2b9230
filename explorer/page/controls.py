"""The sidebar: every number of a config and a workload, and the way from these components to valid values and back."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from densenet import DenseNetConfig, Workload
from densenet import config as limits
from densenet.presets import PRESET_LABELS
from explorer.page.page_state import PageState

MOST_BLOCKS = limits.BLOCKS_RANGE[1]
_COMFORTABLE = {  # upper ends of the sliders that a hand can hit; "wide ranges" opens them to what the config accepts
    "growth_rate": (64, limits.GROWTH_RATE_RANGE[1]),
    "layers": (64, limits.LAYERS_RANGE[1]),
    "bn_size": (8, limits.BN_SIZE_RANGE[1]),
    "num_init_features": (128, limits.NUM_INIT_FEATURES_RANGE[1]),
    "image_size": (384, limits.IMAGE_SIZE_RANGE[1]),
    "batch_size": (256, limits.BATCH_SIZE_RANGE[1]),
}


def _end(field: str, value: float, wide: bool = False) -> int:
    comfortable, full = _COMFORTABLE[field]
    return full if wide or value > comfortable else comfortable


@dataclass(frozen=True)
class Controls:
    """The sidebar's components, in the order in which `read` takes their values."""

    preset: gr.Dropdown
    growth_rate: gr.Slider
    blocks: tuple[gr.Slider, ...]
    bn_size: gr.Slider
    compression: gr.Slider
    image_size: gr.Slider
    batch_size: gr.Slider
    mode: gr.Dropdown
    checkpointing: gr.Dropdown
    optimizer: gr.Dropdown
    precision: gr.Dropdown
    stem: gr.Radio
    num_init_features: gr.Slider
    drop_rate: gr.Slider
    in_channels: gr.Number
    num_classes: gr.Number
    block_count: gr.Number
    wide: gr.Checkbox
    add_block: gr.Button
    remove_block: gr.Button
    reset: gr.Button

    @property
    def values(self) -> list[gr.components.Component]:
        """What `read` reads."""
        return [
            *(self.preset, self.growth_rate, *self.blocks, self.bn_size, self.compression, self.image_size, self.batch_size),
            *(self.mode, self.checkpointing, self.optimizer, self.precision),
            *(self.stem, self.num_init_features, self.drop_rate, self.in_channels, self.num_classes, self.block_count),
        ]

    @property
    def triggers(self) -> list[Any]:
        """The events after which the page is computed again; the preset moves the others and needs none of its own."""
        return [getattr(component, "change") for component in self.values if component is not self.preset]  # noqa: B009

    @property
    def outputs(self) -> list[gr.components.Component]:
        """What `shown` fills."""
        return [*self.values, self.wide, self.add_block, self.remove_block]


def read(values: tuple[Any, ...]) -> PageState:
    """Turn the values of `Controls.values` into a page; ValueError with field, value and range for what the config refuses."""
    preset, growth_rate, *rest = values
    layers, rest = rest[:MOST_BLOCKS], rest[MOST_BLOCKS:]
    bn_size, compression, image_size, batch_size, mode, checkpointing, optimizer, precision, *rest = rest
    stem, num_init_features, drop_rate, in_channels, num_classes, block_count = rest
    if preset not in PRESET_LABELS:
        raise ValueError(f"preset must be one of {', '.join(PRESET_LABELS)}, got {preset!r}")
    shown_blocks = limits.checked_integer("number of blocks", _whole(block_count), limits.BLOCKS_RANGE)
    config = DenseNetConfig(
        growth_rate=_whole(growth_rate),
        block_config=tuple(_whole(n) for n in layers[:shown_blocks]),
        num_init_features=_whole(num_init_features),
        bn_size=_whole(bn_size),
        compression=compression,
        drop_rate=drop_rate,
        num_classes=_whole(num_classes),
        in_channels=_whole(in_channels),
        stem=stem,
    )
    workload = Workload(
        image_size=_whole(image_size),
        batch_size=_whole(batch_size),
        mode=mode,
        checkpointing=checkpointing,
        optimizer=optimizer,
        precision=precision,
    )
    return PageState(preset, config, workload)


def _whole(value: Any) -> Any:
    """Browsers send 32 or 32.0 alike; what is no whole number is left for the config to refuse."""
    return int(value) if isinstance(value, float) and value.is_integer() else value


def shown(state: PageState, wide: bool = False) -> list[Any]:
    """Return the updates of `Controls.outputs` that show `state`."""
    config, workload, count = state.config, state.workload, len(state.config.block_config)
    widened = wide or any(
        value > _COMFORTABLE[field][0]
        for field, value in (
            ("growth_rate", config.growth_rate),
            ("layers", max(config.block_config)),
            ("bn_size", config.bn_size),
            ("num_init_features", config.num_init_features),
            ("image_size", workload.image_size),
            ("batch_size", workload.batch_size),
        )
    )

    def slider(field: str, value: float) -> Any:
        return gr.update(value=value, maximum=_end(field, value, widened))

    layers = [*config.block_config, *[config.block_config[-1]] * (MOST_BLOCKS - count)]
    return [
        state.preset,
        slider("growth_rate", config.growth_rate),
        *(gr.update(value=n, visible=i < count, maximum=_end("layers", n, widened)) for i, n in enumerate(layers)),
        slider("bn_size", config.bn_size),
        config.compression,
        slider("image_size", workload.image_size),
        slider("batch_size", workload.batch_size),
        *(workload.mode, workload.checkpointing, workload.optimizer, workload.precision),
        config.stem,
        slider("num_init_features", config.num_init_features),
        config.drop_rate,
        config.in_channels,
        config.num_classes,
        count,
        widened,
        gr.update(interactive=count < MOST_BLOCKS),
        gr.update(interactive=count > 1),
    ]


def with_wide(wide: bool, *values: Any) -> list[Any]:
    """Open the sliders to every value that a config accepts, or close them to comfortable ranges that still hold their values."""
    return shown(read(values), wide)


def _changed_blocks(count: int, layers: list[float]) -> list[Any]:
    shown_layers = [gr.update(visible=i < count, value=n) for i, n in enumerate(layers)]
    return [count, *shown_layers, gr.update(interactive=count < MOST_BLOCKS), gr.update(interactive=count > 1)]


def one_block_more(count: int, *layers: float) -> list[Any]:
    """Show one more block, as deep as the last."""
    more = min(MOST_BLOCKS, count + 1)
    return _changed_blocks(more, [n if i < count else layers[count - 1] for i, n in enumerate(layers)])


def one_block_less(count: int, *layers: float) -> list[Any]:
    """Hide the last block."""
    return _changed_blocks(max(1, count - 1), list(layers))


def _slider(label: str, low: float, field: str, value: float, **more: Any) -> gr.Slider:
    return gr.Slider(low, _end(field, value), value, step=1, label=label, buttons=[], min_width=120, **more)


def _step(workload: Workload) -> tuple[gr.Dropdown, gr.Dropdown, gr.Dropdown, gr.Dropdown]:
    """What one step is asked for; the memory tab places these, the sidebar has no room."""

    def choice(label: str, value: str, **choices: str) -> gr.Dropdown:
        options = [(words, name) for name, words in choices.items()]
        return gr.Dropdown(options, value=value, label=label, filterable=False, min_width=110, render=False)

    return (
        choice("Step", workload.mode, train="training", infer="inference"),
        choice("Checkpointing", workload.checkpointing, none="none", norm="of norms", layer="of layers"),
        choice("Optimizer", workload.optimizer, sgd="SGD", momentum="momentum", adam="Adam"),
        choice("Precision", workload.precision, float32="float32", bfloat16="bfloat16"),
    )


def build(state: PageState) -> Controls:
    """Lay out the sidebar."""
    config, workload = state.config, state.workload
    count = len(config.block_config)
    with gr.Row(elem_classes="preset-row"):
        preset = gr.Dropdown(
            [(label, name) for name, label in PRESET_LABELS.items()], value=state.preset, label="Preset", scale=4, min_width=150
        )
        reset = gr.Button("↺", size="sm", scale=0, min_width=38, elem_id="reset", variant="secondary")
    growth_rate = _slider("Growth rate k", 1, "growth_rate", config.growth_rate)
    layers = [*config.block_config, *[config.block_config[-1]] * (MOST_BLOCKS - count)]
    blocks = tuple(
        _slider(f"Block {i + 1} layers", 1, "layers", n, visible=i < count, elem_classes=f"block-{i + 1}") for i, n in enumerate(layers)
    )
    with gr.Row(elem_classes="block-buttons"):
        remove_block = gr.Button("− block", size="sm", min_width=60, elem_id="remove-block", interactive=count > 1)
        add_block = gr.Button("+ block", size="sm", min_width=60, elem_id="add-block", interactive=count < MOST_BLOCKS)
    bn_size = _slider("Bottleneck bn_size (0: none)", 0, "bn_size", config.bn_size)
    compression = gr.Slider(0.01, 1, config.compression, step=0.01, label="Compression θ", buttons=[], min_width=120)
    image_size = _slider("Input size, pixels", 1, "image_size", workload.image_size)
    batch_size = _slider("Batch size", 1, "batch_size", workload.batch_size)
    with gr.Accordion("Stem, dropout, channels, classes", open=False, elem_id="more"):
        stem = gr.Radio([("7×7/2 and pool", "imagenet"), ("3×3", "cifar")], value=config.stem, label="Stem")
        num_init_features = _slider("Stem width", 1, "num_init_features", config.num_init_features)
        drop_rate = gr.Slider(0, 0.99, config.drop_rate, step=0.01, label="Dropout", buttons=[], min_width=120)
        with gr.Row():
            in_channels = gr.Number(config.in_channels, label="Input channels", precision=0, min_width=80)
            num_classes = gr.Number(config.num_classes, label="Classes", precision=0, min_width=80)
        wide = gr.Checkbox(False, label="Wide ranges for all sliders")
    block_count = gr.Number(count, precision=0, visible="hidden", label="Number of blocks")  # a State would fire no change event here
    mode, checkpointing, optimizer, precision = _step(workload)
    return Controls(
        *(preset, growth_rate, blocks, bn_size, compression, image_size, batch_size, mode, checkpointing, optimizer, precision),
        *(stem, num_init_features, drop_rate, in_channels, num_classes, block_count, wide, add_block, remove_block, reset),
    )
