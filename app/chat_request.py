"""Makes the path of a conversation into what the controller is asked.

Knows nothing of where messages and pictures are kept.
"""

from collections.abc import Callable, Sequence
from dataclasses import replace

from app.messages import ChatRequest, Message, Picture, Role, Sampling
from app.store.records import ChatMessage, ChatSettings, StoredPicture

WORDLESS = "What do you see?"


def chat_request(
    path: Sequence[ChatMessage],
    settings: ChatSettings,
    owner: str,
    load: Callable[[StoredPicture], Picture],
) -> ChatRequest:
    """Ask for the answer to the last message of `path`, with all before it and all pictures.

    Of what is longer than the model reads the oldest is left out, and the page says so.

    Raises InvalidRequest for what could never be answered.
    """
    turns = [Message("system", settings.system)] if settings.system.strip() else []
    for said in path:
        if said.role == "assistant" and not said.text:
            continue  # it ended before its first word
        role: Role = "user" if said.role == "user" else "assistant"
        turn = Message(role, said.text, tuple(load(picture) for picture in said.pictures))
        # A question that was left without an answer belongs to the next: templates alternate.
        if turns and turns[-1].role == role:
            turn = _joined(turns.pop(), turn)
        turns.append(turn)
    asked = tuple(_with_words(turn) for turn in turns)
    return ChatRequest(asked, sampling(settings), owner=owner, shorten=True)


def sampling(settings: ChatSettings) -> Sampling:
    """Raises InvalidRequest for values out of their range."""
    return Sampling(settings.temperature, settings.top_p, settings.max_tokens)


def _with_words(turn: Message) -> Message:
    """A picture that is sent without a word is a question all the same: no model learnt that."""
    wordless = turn.role == "user" and turn.pictures and not turn.text.strip()
    return replace(turn, text=WORDLESS) if wordless else turn


def _joined(first: Message, then: Message) -> Message:
    text = "\n".join(part for part in (first.text, then.text) if part)
    return Message(first.role, text, first.pictures + then.pictures)
