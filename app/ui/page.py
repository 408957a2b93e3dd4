"""The page as Gradio Blocks: sidebar, messages, composer, settings, and which event does what.

Looks are in `static/css`, behaviour in the browser in `static/js`; what events do and draw is in
`events.py`. Pieces are placed by style sheets through their `elem_id`.
"""

from typing import Any

import gradio as gr

from app.controller import Controller
from app.conversations import Conversations
from app.settings import Settings
from app.ui import parts
from app.ui.events import ACTIONS, LOOK_LOADING, Desk

NEWS = """
watch("value", () =>
  document.dispatchEvent(new CustomEvent("llava-news", { detail: props.value })));
"""
SHELF_NEWS = NEWS.replace("llava-news", "llava-shelf")
MANNERS: dict[str, Any] = {
    "api_visibility": "private",
    "show_progress": "hidden",
    "trigger_mode": "multiple",
}


def build_page(
    conversations: Conversations, controller: Controller, settings: Settings
) -> gr.Blocks:
    """The whole page, to be mounted at `/`."""
    del settings
    desk = Desk(conversations, controller)
    with (
        gr.Blocks(
            title="LLaVA Chat",
            fill_height=True,
            analytics_enabled=False,
            delete_cache=(3600, 86400),
        ) as page,
        gr.Column(elem_id="page"),
    ):
        _rail()
        with gr.Column(elem_id="stage"):
            model = _bar()
            with gr.Column(elem_id="scroller"):
                _drawn("thread")
                _drawn("live")
            with gr.Column(elem_id="dock"):
                composer = _composer()
        news, sent = (
            _html("", name, html_template="", js_on_load=NEWS) for name in ("news", "sent-news")
        )
        shelf = _html("", "shelf-news", html_template="", js_on_load=SHELF_NEWS)
        _wire(desk, composer, news, sent, _panel())
        _html(parts.SCRIM, "scrim")
        timer = _watch_model(page, desk, model)
        composer.shelf(desk.choose, None, [shelf, model, timer], queue=False, **MANNERS)
    return page


def _html(value: str, elem_id: str, **more: Any) -> gr.HTML:
    """A piece whose value is inserted as it is: escaped and sanitised before."""
    options = {"js_on_load": None, "apply_default_css": False} | more
    return gr.HTML(value, elem_id=elem_id, **options)


def _drawn(elem_id: str) -> None:
    """A piece whose value the script sets, which knows what is out of date."""
    script = f'window.llavaParts = {{ ...window.llavaParts, "{elem_id}": props }};'
    _html("", elem_id, js_on_load=script)


def _rail() -> None:
    with gr.Column(elem_id="rail"):
        _html(parts.RAIL_HEAD, "rail-head")
        _drawn("chats")
        _html(parts.RAIL_FOOT, "rail-foot")


def _bar() -> gr.HTML:
    with gr.Row(elem_id="bar"):
        _html(parts.TITLE_BAR, "topbar")
        model = _html("", "model")  # drawn on loading: what it says of the model must be true
        _html(parts.TOOL_BAR, "toolbar")
    return model


def _composer() -> gr.HTML:
    """The form, and the place where the browser's side of the page begins.

    Its value is no HTML but what `Desk` tells the script after each event.
    """
    names = ", ".join(f'"{name}"' for name in (*ACTIONS, "search", "ahead", "follow", "shelf"))
    script = (
        'import("/ui/js/chat.js").then('
        f"(chat) => chat.start({{ element, trigger, watch, props, events: [{names}] }}));"
    )
    return _html("", "composer", html_template=parts.COMPOSER, js_on_load=script)


def _panel() -> list[gr.components.Component]:
    with gr.Column(elem_id="panel"):
        _html(parts.PANEL_HEAD, "panel-head")
        system = gr.Textbox(
            label="System prompt",
            placeholder="The model's own",
            lines=4,
            max_lines=12,
            max_length=8000,
            info="What the model is told before the conversation.",
        )
        temperature = gr.Slider(
            0, 2, 0.2, step=0.05, label="Temperature", info="0 takes the likeliest word each time."
        )
        top_p = gr.Slider(
            0.05, 1, 1, step=0.05, label="Top-p", info="Words beyond this share are not considered."
        )
        length = gr.Slider(
            16, 2048, 512, step=16, label="Longest answer", info="In tokens, about 3/4 of a word."
        )
        _html(parts.PANEL_NOTE, "panel-note")
    return [system, temperature, top_p, length]


def _wire(
    desk: Desk,
    composer: gr.HTML,
    news: gr.HTML,
    sent: gr.HTML,
    knobs: list[gr.components.Component],
) -> None:
    """Connect each event of the composer's script with what it does.

    `follow` streams, and any number of pages may follow at once: the controller's line alone
    decides who is answered. Every other action takes its place. What `send` answers has a piece of
    its own: of two answers at once in one piece, Gradio hands only the newer to the script.
    """
    follow = composer.follow(desk.follow, None, news, concurrency_limit=None, **MANNERS)
    for name, takes_knobs in ACTIONS.items():
        getattr(composer, name)(
            getattr(desk, name),
            knobs if takes_knobs else None,
            [sent if name == "send" else composer, *knobs],
            queue=False,
            cancels=[follow],
            **MANNERS,
        )
    composer.search(desk.search, None, [composer, *knobs], queue=False, **MANNERS)
    composer.ahead(desk.ahead, knobs, None, queue=False, **MANNERS)


def _watch_model(page: gr.Blocks, desk: Desk, model: gr.HTML) -> gr.Timer:
    timer = gr.Timer(LOOK_LOADING)
    for look, action in ((page.load, desk.model), (timer.tick, desk.news_of_model)):
        look(
            action,
            None,
            [model, timer],
            queue=False,
            show_progress="hidden",
            api_visibility="private",
        )
    return timer
