"""What the routes are given: the controller, and who asks."""

from typing import Annotated

from fastapi import Depends, Request

from app.controller import Controller


def _controller(request: Request) -> Controller:
    controller: Controller = request.app.state.controller
    return controller


def _owner(request: Request) -> str:
    owner: str = getattr(request.state, "owner", "local")
    return owner


ControllerOf = Annotated[Controller, Depends(_controller)]
OwnerOf = Annotated[str, Depends(_owner)]
