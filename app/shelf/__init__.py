"""The shelf as the page sees it: which models there are, their downloads, and which one answers.

Knows nothing of HTML.
"""

from app.shelf.disk import Machine
from app.shelf.items import Item, ItemState, View
from app.shelf.shelf import Shelf

__all__ = ["Item", "ItemState", "Machine", "Shelf", "View"]
