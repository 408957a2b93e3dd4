"""How the page is mounted and what it loads: theme, style sheets, scripts, icons.

Everything comes from this server: no font, script or picture from elsewhere. Colours and sizes
are in `static/css`; the theme here only keeps Gradio's own parts in line with them.
"""

from pathlib import Path
from typing import Any

import gradio as gr

from app.settings import Settings

STATIC = Path(__file__).resolve().parents[2] / "static"
_STYLES = ("tokens", "layout", "sidebar", "thread", "composer", "shelf")
_EARLY = "early.js"
_FONTS = ["ui-sans-serif", "-apple-system", "system-ui", "sans-serif"]


def mount_options(_settings: Settings) -> dict[str, Any]:
    """Keyword arguments of `gr.mount_gradio_app` that belong to the page's looks and manners."""
    return {
        "theme": theme(),
        "favicon_path": str(STATIC / "icons" / "favicon.png"),
        "footer_links": [],
        "run_history": False,
        "enable_monitoring": False,
        "show_error": False,
        "allowed_paths": [],
        "ssr_mode": False,
    }


def theme() -> gr.themes.Base:
    """Gradio's plainest theme on our ground colours and the system's fonts."""
    return gr.themes.Base(
        primary_hue="teal", neutral_hue="stone", radius_size="lg", font=_FONTS
    ).set(
        body_background_fill="#ffffff",
        body_background_fill_dark="#1b1c1c",
        body_text_color="#20201d",
        body_text_color_dark="#ececea",
        slider_color="#0f6b5c",
        slider_color_dark="#5fc9b3",
    )


def head() -> str:
    """What goes into the document's head: our style sheets, and our modules to be fetched ahead.

    Their addresses carry no version: a browser asks about each anew.
    """
    modules = sorted({path.name for path in STATIC.glob("js/*.js")} - {_EARLY})
    return "".join(
        [f'<link rel="stylesheet" href="/ui/css/{name}.css">\n' for name in _STYLES]
        + [f'<link rel="modulepreload" href="/ui/js/{name}">\n' for name in modules]
    )


def early_script() -> str:
    """What runs before anything is drawn: it knows light from dark, and what is open."""
    return f'<script src="/ui/js/{_EARLY}"></script>\n'
