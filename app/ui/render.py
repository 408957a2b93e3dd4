"""What changes while one talks, as HTML: messages, the answer being written, its ending.

Every text of a user is escaped here, every text of a model goes through `render_markdown`; the
result is inserted as it is. Knows nothing of Gradio, stores and engines.
"""

from collections.abc import Sequence
from functools import lru_cache
from html import escape

from app.conversations import ChatMessage, StoredPicture
from app.messages import Usage
from app.ui.answers import Answer, Phase
from app.ui.markdown import render_markdown
from app.ui.parts import icon, icon_button

SHOWN_TURNS = 60  # of a long conversation; earlier ones on request
DRAWN_TEXTS = 256  # of finished answers, kept as HTML: each action draws all of a conversation
_ENDINGS = {
    "length": "Cut at the length you set. Raise it in Settings and answer again.",
    "context": "The model can't read more at once. Its next answer leaves out the oldest messages.",
    "cancelled": "Stopped.",
    "error": "The answer could not be finished. Answer again.",
    "interrupted": "Interrupted before it was finished. Answer again.",
}


def thread(messages: Sequence[ChatMessage], *, busy: bool, everything: bool = False) -> str:
    """All messages of a conversation; a button stands for the earlier ones of a long one."""
    shown = messages if everything else messages[-SHOWN_TURNS:]
    parts = [_user_turn(m, busy) if m.role == "user" else _answer_turn(m, busy) for m in shown]
    if len(shown) < len(messages):
        parts.insert(0, _earlier(len(messages) - len(shown)))
    if messages and messages[-1].role == "user" and not busy:
        parts.append(_unanswered(messages[-1]))
    return f'<div class="turns" data-testid="thread">{"".join(parts)}</div>'


def live(answer: Answer) -> str:
    """The answer that is being written, or what it waits for."""
    if answer.phase is not Phase.WRITING:
        said = f'<p class="phase" role="status"><span class="spark"></span>{_waiting(answer)}</p>'
    else:
        said = _said(render_markdown(answer.text))
    return (
        '<article class="turn assistant running" data-testid="bot" aria-busy="true">'
        f'<h2 class="unseen">Answer</h2>{_left_out(answer.unseen)}{said}</article>'
    )


def _waiting(answer: Answer) -> str:
    if answer.phase is Phase.LOADING:
        return "The model is loading. Your message is kept and will be answered."
    if answer.phase is Phase.IN_LINE:
        return f"Waiting for its turn: place {answer.place} in line"
    return f"Reading {answer.read:.0%}" if answer.read else "Reading"


def _user_turn(message: ChatMessage, busy: bool) -> str:
    text = escape(message.text)
    bubble = f'<div class="bubble" dir="auto">{text}</div>' if text else ""
    several = " versions" if len(message.versions) > 1 else ""
    tools = "" if busy else icon_button("edit", "Edit", "edit")
    return (
        f'<article class="turn user" data-testid="user" data-message="{escape(message.id)}" '
        f'data-text="{text}"><h2 class="unseen">You</h2>{_pictures(message)}{bubble}'
        f'<div class="tools{several}">{_versions(message, busy)}'
        f"{icon_button('copy', 'Copy message', 'copy')}{tools}</div></article>"
    )


def _pictures(message: ChatMessage) -> str:
    if not message.pictures:
        return ""
    several = " several" if len(message.pictures) > 1 else ""
    return (
        f'<div class="pictures{several}">'
        + "".join(
            f'<button type="button" class="picture" data-act="zoom" '
            f'data-full="/media/{escape(picture.digest)}" '
            f'aria-label="{_kind(picture)} {number}, full size">'
            f'<img src="/media/{escape(picture.digest)}?thumb=1" alt="{_kind(picture)} {number}" '
            f'width="{picture.width}" height="{picture.height}"></button>'
            for number, picture in enumerate(message.pictures, start=1)
        )
        + "</div>"
    )


def _kind(picture: StoredPicture) -> str:
    return "Video" if picture.frames else "Picture"


def _said(html: str) -> str:
    return f'<div class="answer" dir="auto" data-testid="answer">{html}</div>'


@lru_cache(DRAWN_TEXTS)
def _finished(text: str) -> str:
    return render_markdown(text)


def _answer_turn(message: ChatMessage, busy: bool) -> str:
    again = "" if busy else icon_button("regenerate", "Answer again", "again")
    return (
        f'<article class="turn assistant" data-testid="bot" data-message="{escape(message.id)}" '
        f'data-text="{escape(message.text)}"><h2 class="unseen">Answer</h2>'
        f"{_left_out(message.usage.unseen_messages if message.usage else 0)}"
        f"{_said(_finished(message.text))}"
        f"{_ending(message.finish_reason)}"
        f'<div class="tools">{_versions(message, busy)}'
        f"{icon_button('copy', 'Copy answer', 'copy')}{again}{stats(message.usage)}</div></article>"
    )


def _left_out(messages: int) -> str:
    """That a long conversation's beginning is no longer what is answered."""
    if not messages:
        return ""
    which = "message is" if messages == 1 else f"{messages} messages are"
    return (
        f'<p class="ending" data-testid="left-out">{icon("warn")}This conversation is longer than '
        f"the model reads at once: its oldest {which} no longer seen by the model.</p>"
    )


def _ending(reason: str | None) -> str:
    if reason == "stop":
        return ""
    kind = " error" if reason == "error" else ""
    words = _ENDINGS.get(reason or "interrupted", _ENDINGS["interrupted"])
    return f'<p class="ending{kind}" data-testid="ending">{icon("warn")}{words}</p>'


def stats(usage: Usage | None) -> str:
    """How long and how fast: small and faint below an answer."""
    if usage is None or not usage.completion_tokens:
        return ""
    words = "token" if usage.completion_tokens == 1 else "tokens"
    parts = [f"{usage.completion_tokens} {words}"]
    if usage.tokens_per_second:
        parts.append(f"{usage.tokens_per_second:.0f} tok/s")
    if usage.time_to_first_token is not None:
        parts.append(f"first token {usage.time_to_first_token:.2f} s")
    return f'<span class="stats" data-testid="stats">{" · ".join(parts)}</span>'


def _versions(message: ChatMessage, busy: bool) -> str:
    count = len(message.versions)
    if count < 2:
        return ""
    at = message.versions.index(message.id)
    return (
        '<span class="version">'
        + _turn_over("Previous version", "left", message.versions[at - 1] if at else "", busy)
        + f"<span>{at + 1} / {count}</span>"
        + _turn_over(
            "Next version", "right", message.versions[at + 1] if at + 1 < count else "", busy
        )
        + "</span>"
    )


def _turn_over(label: str, drawing: str, to: str, busy: bool) -> str:
    state = f'data-to="{escape(to)}"' if to and not busy else "disabled"
    return icon_button("version", label, drawing, state)


def _earlier(count: int) -> str:
    return (
        '<button type="button" class="plain-button earlier" data-act="earlier">'
        f"Show {count} earlier messages</button>"
    )


def _unanswered(message: ChatMessage) -> str:
    return (
        f'<div class="turn assistant" data-message="{escape(message.id)}">'
        f'<p class="ending">{icon("warn")}This message has no answer yet.</p>'
        '<div class="tools"><button type="button" class="plain-button" data-act="regenerate">'
        "Answer it</button></div></div>"
    )
