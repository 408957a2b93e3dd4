"""Formulas in an answer, shown as they were written: Markdown would eat their backslashes."""

import re

from markdown_it.rules_inline import StateInline

LONGEST = 500  # characters; without a bound, many openings without an end would take long
_FORMULA = re.compile(
    rf"\\\(.{{1,{LONGEST}}}?\\\)|\\\[.{{1,{LONGEST}}}?\\\]|\$\$.{{1,{LONGEST}}}?\$\$", re.DOTALL
)


def formula(state: StateInline, silent: bool) -> bool:
    r"""A rule of markdown-it's: takes `\(...\)`, `\[...\]` and `$$...$$` as one piece of code."""
    found = _FORMULA.match(state.src, state.pos, state.posMax)
    if found is None:
        return False
    if not silent:
        state.push("code_inline", "code", 0).content = found[0]
    state.pos = found.end()
    return True
