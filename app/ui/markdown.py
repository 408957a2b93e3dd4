"""Markdown of an answer as HTML that is safe to insert into the page.

Knows nothing of conversations. Raw HTML is shown as text, pictures are shown as their source
(a picture from elsewhere would tell its host what was asked), links open apart and only over
http, https and mailto.
"""

from collections.abc import MutableMapping, Sequence
from html import escape
from typing import Any

from markdown_it import MarkdownIt
from markdown_it.renderer import RendererHTML
from markdown_it.token import Token
from markdown_it.utils import OptionsDict

from app.ui.formula import formula

_LINK_SCHEMES = ("http://", "https://", "mailto:")


def render_markdown(text: str) -> str:
    """The answer's Markdown as safe HTML."""
    return str(_markdown.render(text))


def _validate_link(url: str) -> bool:
    return url.strip().lower().startswith(_LINK_SCHEMES)


def _link_open(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    tokens[index].attrSet("target", "_blank")
    tokens[index].attrSet("rel", "noopener noreferrer nofollow")
    return renderer.renderToken(tokens, index, options, _env)


def _heading(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    # The page's own title is its one h1, each message has an h2.
    tokens[index].tag = f"h{min(6, int(tokens[index].tag[1]) + 2)}"
    return renderer.renderToken(tokens, index, options, _env)


def _image(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    token = tokens[index]
    return escape(f"![{token.content}]({token.attrGet('src') or ''})")


def _fence(
    _renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    _options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    language = escape(tokens[index].info.split(maxsplit=1)[0]) if tokens[index].info.strip() else ""
    return (
        f'<div class="code"><div class="code-head"><span>{language}</span>'
        '<button type="button" data-act="copy-code">Copy code</button></div>'
        f'<pre tabindex="0"><code>{escape(tokens[index].content)}</code></pre></div>\n'
    )


def _table(
    renderer: RendererHTML,
    tokens: Sequence[Token],
    index: int,
    options: OptionsDict,
    _env: MutableMapping[str, Any],
) -> str:
    # A wide one scrolls in a box of its own, which keys must reach.
    table = renderer.renderToken(tokens, index, options, _env)
    opens = tokens[index].nesting == 1
    return f'<div class="table" tabindex="0">{table}' if opens else f"{table}</div>\n"


def _build() -> MarkdownIt:
    markdown = MarkdownIt("commonmark", {"html": False, "breaks": True})
    markdown.enable(["table", "strikethrough"])
    markdown.validateLink = _validate_link  # type: ignore[method-assign]
    markdown.add_render_rule("link_open", _link_open)
    markdown.add_render_rule("heading_open", _heading)
    markdown.add_render_rule("heading_close", _heading)
    markdown.add_render_rule("image", _image)
    markdown.add_render_rule("fence", _fence)
    markdown.add_render_rule("code_block", _fence)
    markdown.add_render_rule("table_open", _table)
    markdown.add_render_rule("table_close", _table)
    markdown.inline.ruler.before("escape", "formula", formula)
    return markdown


_markdown = _build()
