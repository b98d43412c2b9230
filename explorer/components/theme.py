"""Colours, type and spacing of the whole page, for a projector at 1280 x 720, light and dark."""

from __future__ import annotations

import gradio as gr

from explorer.components.colours import rgb

# Okabe and Ito's palette, which readers with any colour vision tell apart, ordered so that neighbours differ in lightness too.
BLOCK_COLOURS = ("#0072B2", "#E69F00", "#009E73", "#CC79A7", "#56B4E9", "#D55E00", "#7E6BC4", "#8C6D31")
NEUTRAL = "#8792A2"  # stem, transitions, classifier
GHOST = "#C026A8"  # the net pinned as A: on no block's bar, legible on light and dark
FONT_PX = 14


def block_colour(block: int, blocks: int) -> str:
    """The colour of dense block `block`, counted from 1; what lies before or after the blocks is neutral."""
    return BLOCK_COLOURS[block - 1] if 1 <= block <= blocks else NEUTRAL


def translucent(colour: str, alpha: float) -> str:
    """`#rrggbb` as an rgba() of Plotly and CSS."""
    return f"rgba({','.join(map(str, rgb(colour)))},{alpha})"


def css_variables() -> str:
    """Return the palette as variables of the page, and a rule for each block: its slider has the colour that its bars have."""
    blocks = {f"block-{i}": colour for i, colour in enumerate(BLOCK_COLOURS, start=1)}
    variables = " ".join(f"--{name}: {colour};" for name, colour in {**blocks, "neutral": NEUTRAL, "ghost": GHOST}.items())
    sliders = (f".{name} {{ --slider-color: var(--{name}); }}" for name in blocks)
    return "\n".join([f":root {{ {variables} }}", *sliders])


def theme() -> gr.themes.Base:
    """Gradio's default look with a font whose bold weight is complete: the bundled 600 lacks Latin letters and digits."""
    return gr.themes.Default(
        primary_hue="indigo",
        secondary_hue="indigo",
        neutral_hue="slate",
        text_size="md",
        spacing_size="sm",
        radius_size="md",
        font=[gr.themes.LocalFont("IBM Plex Sans", weights=(400, 700)), "system-ui", "sans-serif"],
        font_mono=[gr.themes.LocalFont("IBM Plex Mono", weights=(400, 700)), "ui-monospace", "monospace"],
    ).set(
        block_label_text_size="14px",
        block_title_text_size="14px",
        block_info_text_size="14px",
        button_primary_background_fill="*primary_600",  # white on the lighter shade has too little contrast
        button_primary_background_fill_hover="*primary_700",
        button_primary_background_fill_dark="*primary_600",
        button_primary_background_fill_hover_dark="*primary_700",
    )
