"""What happens at the events of the shelf, and what is drawn after each.

Only for who sits at the machine: see `app/ui/owner.py`.
"""

import logging
from typing import Any

import gradio as gr

from app.controller import Controller
from app.errors import ChatError, InvalidRequest
from app.failures import log_failure
from app.shelf import Shelf
from app.ui.owner import is_at_home
from app.ui.shelf_panel import machine_line, shelf_list
from app.ui.words import Words

log = logging.getLogger(__name__)

NOT_HERE = "Models are chosen at the machine itself, not over a public link."
BROKEN = "Something went wrong here; the server's log says more."


class ShelfDesk:
    """Takes the shelf's events, all of them by one name."""

    def __init__(self, controller: Controller) -> None:
        self.shelf = Shelf(controller)

    def is_open_to(self, request: gr.Request) -> bool:
        """Whether this visitor may choose models."""
        return self.shelf.serves and is_at_home(request)

    async def act(self, event: gr.EventData, request: gr.Request) -> dict[str, Any]:
        """Do what the page's `act` says with `model`, and draw all of the shelf."""
        words, said = Words(event), ""
        try:
            if not self.is_open_to(request):
                raise InvalidRequest(NOT_HERE)
            await self._do(words.text("act"), words.text("model"))
            view = await self.shelf.view()
        except ChatError as error:
            said = error.message
        except Exception as error:
            log_failure(log, "the shelf failed", error)
            said = BROKEN
        else:
            return {
                "number": words.view,
                "list": shelf_list(view),
                "machine": machine_line(view.machine),
                "said": view.said,
                "moving": view.moving,
            }
        return {"number": words.view, "said": said, "moving": False}

    async def _do(self, act: str, model: str) -> None:
        shelf = self.shelf
        actions = {
            "get": shelf.get,
            "download": shelf.download,
            "pause": shelf.pause,
            "use": shelf.use,
            "remove": shelf.remove,
        }
        if act in actions:
            shelf.clear()
            await actions[act](model)
