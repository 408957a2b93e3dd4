"""The list of conversations as HTML, grouped by age. Knows nothing of Gradio and stores."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from html import escape
from itertools import groupby

from app.conversations import Conversation
from app.ui.parts import icon_button


def chat_list(
    chats: Sequence[Conversation], *, current: str | None, query: str, now: datetime
) -> str:
    """Conversations, newest first, under headings of age."""
    if not chats:
        said = "No chat has these words." if query else "Your chats will be listed here."
        return f'<nav class="chats" aria-label="Chats"><p class="none">{said}</p></nav>'
    groups = groupby(chats, key=lambda chat: _age(chat.updated, now))
    listed = "".join(
        f"<h2>{age}</h2><ul>{''.join(_row(chat, chat.id == current) for chat in members)}</ul>"
        for age, members in groups
    )
    return f'<nav class="chats" aria-label="Chats">{listed}</nav>'


def _row(chat: Conversation, is_current: bool) -> str:
    here = ' aria-current="page"' if is_current else ""
    return (
        f'<li class="{"current" if is_current else ""}" data-chat="{escape(chat.id)}">'
        f'<a class="chat-link" dir="auto" data-act="open-chat" href="?c={escape(chat.id)}"{here}>'
        f"{escape(chat.title or 'New chat')}</a>"
        f'<span class="chat-tools">{icon_button("rename", "Rename", "edit")}'
        f"{icon_button('remove', 'Delete', 'bin')}</span></li>"
    )


def _age(moment: datetime, now: datetime) -> str:
    days = (now.astimezone().date() - moment.astimezone().date()) // timedelta(days=1)
    if days <= 0:
        return "Today"
    if days == 1:
        return "Yesterday"
    return "Last 7 days" if days < 7 else "Earlier"
