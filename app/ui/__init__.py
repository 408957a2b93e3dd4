"""The chat page: Gradio Blocks, what they load, and the address pictures are sent to."""

from app.ui.appearance import mount_options
from app.ui.document import EarlyHead
from app.ui.page import build_page
from app.ui.uploads import router

__all__ = ["EarlyHead", "build_page", "mount_options", "router"]
