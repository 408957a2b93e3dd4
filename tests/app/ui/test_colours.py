"""Every pair of text and ground that the style sheet names can be read (WCAG AA)."""

import re

import pytest

from app.ui.appearance import STATIC

TEXTS = ("--text", "--text-soft", "--text-faint", "--accent")
GROUNDS = ("", "-side", "-soft", "-hover", "-raised")
PAIRS = [(text, f"--ground{ground}") for text in TEXTS for ground in GROUNDS]
PAIRS += [("--text", "--bubble"), ("--on-accent", "--accent"), ("--on-accent", "--accent-hover")]
PAIRS += [("--danger", "--danger-ground"), ("--danger", "--ground")]


def palettes() -> dict[str, dict[str, str]]:
    """The colours of both themes, by their names in `tokens.css`."""
    sheet = (STATIC / "css" / "tokens.css").read_text()
    light, dark = re.findall(r"^(?::root|body\.dark) \{(.*?)^\}", sheet, re.DOTALL | re.MULTILINE)
    named = {
        name: dict(re.findall(r"(--[\w-]+): (#[0-9a-f]{6});", block))
        for name, block in (("light", light), ("dark", dark))
    }
    return {"light": named["light"], "dark": named["light"] | named["dark"]}


def brightness(colour: str) -> float:
    """Relative luminance, 0 to 1."""
    parts = [int(colour[at : at + 2], 16) / 255 for at in (1, 3, 5)]
    linear = [
        part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in parts
    ]
    return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]


@pytest.mark.parametrize("theme", ["light", "dark"])
def test_every_text_stands_out_from_every_ground(theme: str) -> None:
    colours = palettes()[theme]
    for text, ground in PAIRS:
        low, high = sorted((brightness(colours[text]), brightness(colours[ground])))
        assert (high + 0.05) / (low + 0.05) >= 4.5, (text, ground)
