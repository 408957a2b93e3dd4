"""Conversations, messages and pictures on disk: SQLite and content-addressed files."""

from app.store.store import Store

__all__ = ["Store"]
