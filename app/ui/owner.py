"""Whose request an event of the page is: the shell has said so in the request's state."""

import gradio as gr


def owner_of(request: gr.Request) -> str:
    """The owner of one of Gradio's requests."""
    owner: str = request.request.state.owner
    return owner


def is_at_home(request: gr.Request) -> bool:
    """Whether it came to this machine by a name of its own, not by a public link or a proxy."""
    return getattr(request.request.state, "at_home", False) is True
