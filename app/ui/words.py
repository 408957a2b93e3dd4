"""What the page sends with an event, taken apart carefully: it may come from anywhere."""

from typing import Any

import gradio as gr

from app.errors import InvalidRequest


class Words:
    """The fields of an event's data; anything of another form raises InvalidRequest."""

    def __init__(self, event: gr.EventData) -> None:
        data: Any = event._data
        self._data: dict[str, Any] = data if isinstance(data, dict) else {}

    def text(self, key: str) -> str:
        """A text, empty where it is missing."""
        value = self._data.get(key, "")
        if not isinstance(value, str):
            raise InvalidRequest(f"The page sent a {key} that isn't text: reload it.")
        return value

    def maybe(self, key: str) -> str | None:
        """A text, or None where there is none."""
        return self.text(key) if self._data.get(key) is not None else None

    def texts(self, key: str) -> list[str]:
        """A list of texts."""
        values = self._data.get(key, [])
        if not isinstance(values, list) or not all(isinstance(value, str) for value in values):
            raise InvalidRequest(f"The page sent {key} that are no list of texts: reload it.")
        return values

    @property
    def view(self) -> int:
        """The page's number of this event, to be sent back with what is drawn."""
        value = self._data.get("view")
        return value if isinstance(value, int) else 0

    @property
    def shown(self) -> str | None:
        """The conversation that the page shows, for what is drawn even where all else is wrong."""
        value = self._data.get("conversation")
        return value if isinstance(value, str) else None

    @property
    def token(self) -> str:
        """What tells the message that is sent from others; the page needs it back in any case."""
        value = self._data.get("token")
        return value if isinstance(value, str) else ""

    def flag(self, key: str) -> bool:
        """Whether something is switched on."""
        return self._data.get(key) is True
