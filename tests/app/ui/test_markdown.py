"""What a model says becomes HTML that can't act, load or tell anything."""

import re

import pytest

from app.ui.markdown import render_markdown

HOSTILE = [
    "<script>alert(1)</script>",
    "<img src=x onerror=alert(1)>",
    "<svg/onload=alert(1)>",
    "<iframe src=https://evil.example></iframe>",
    "a <b onmouseover=alert(1)>b</b>",
    "<!-- <img src=x onerror=alert(1)> -->",
    "```<img src=x onerror=alert(1)>\ncode\n```",
    "| <img src=x onerror=alert(1)> |\n|---|\n| x |",
    "[a](javascript:alert(1))",
    "[a](JaVaScRiPt:alert(1))",
    "[a](data:text/html,<script>alert(1)</script>)",
    "[a]( vbscript:x )",
    "[a](//evil.example)",
    '[a](https://x.example "\\"><img src=x onerror=alert(1)>")',
    '<https://x.example/"onmouseover=alert(1)>',
    "![a](https://evil.example/a.png)",
    '![a](https://evil.example/a.png "t")',
    "![a][1]\n\n[1]: https://evil.example/a.png?q=secret",
    "[![a](https://evil.example/a.png)](https://x.example)",
    "&lt;img src=x onerror=alert(1)&gt;",
    "${alert(1)} {{value}} `${alert(1)}`",
]
ALLOWED = {
    "p", "br", "strong", "em", "s", "code", "pre", "div", "span", "button", "a", "ul", "ol", "li",
    "blockquote", "table", "thead", "tbody", "tr", "th", "td", "hr", "h3", "h4", "h5", "h6",
}  # fmt: skip


@pytest.mark.parametrize("text", HOSTILE)
def test_hostile_markdown_yields_only_harmless_elements(text: str) -> None:
    html = render_markdown(text)
    tags = re.findall(r"<\s*/?\s*([a-zA-Z!][\w-]*)((?:\"[^\"]*\"|'[^']*'|[^>])*)>", html)
    assert {name for name, _ in tags} <= ALLOWED
    for _, attributes in tags:
        assert not re.search(r"(^|\s)(on\w+|style|src|srcset)\s*=", unquoted(attributes))
    for address in re.findall(r'href="([^"]*)"', html):
        assert address.startswith(("https://", "http://", "mailto:"))


def unquoted(attributes: str) -> str:
    """Attributes without their values: what stands in quotes is no attribute."""
    return re.sub(r"\"[^\"]*\"", '""', attributes)


def test_a_picture_is_shown_as_its_source() -> None:
    assert "![a](https://evil.example/a.png)" in render_markdown("![a](https://evil.example/a.png)")


def test_links_open_apart_and_tell_nothing() -> None:
    html = render_markdown("[a](https://x.example)")
    assert 'target="_blank"' in html
    assert 'rel="noopener noreferrer nofollow"' in html


def test_ordinary_markdown_is_drawn() -> None:
    html = render_markdown("**b** *i* ~~s~~ `c`\n\n- one\n\n1. two\n\n> q\n\n| a |\n|---|\n| b |")
    for element in ("strong", "em", "s", "code", "ul", "ol", "blockquote", "table"):
        assert f"<{element}>" in html


def test_headings_stand_below_those_of_the_page() -> None:
    assert "<h3>big</h3>" in render_markdown("# big")
    assert "<h6>small</h6>" in render_markdown("###### small")


def test_code_keeps_its_text_and_names_its_language() -> None:
    html = render_markdown("```python\nif a < b:\n    pass\n```")
    assert "<span>python</span>" in html
    assert "if a &lt; b:\n    pass" in html


def test_a_single_line_break_is_kept() -> None:
    assert "<br" in render_markdown("one\ntwo")


def test_a_formula_stands_as_it_was_written() -> None:
    for formula in (r"\(a_{i} * b * c\)", r"\[\frac{1}{2} \, x\]", "$$x\n= y$$"):
        assert f"<code>{formula}</code>" in render_markdown(f"so {formula} it is").replace(
            "<br>", ""
        )


def test_what_is_no_formula_is_none() -> None:
    assert "code" not in render_markdown(r"it costs $5, or \$6, \(or 7")


def test_a_table_scrolls_in_a_box_that_keys_reach() -> None:
    assert '<div class="table" tabindex="0"><table>' in render_markdown("| a |\n|---|\n| b |")
