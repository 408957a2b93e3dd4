"""Conversations about scenes: questions from the grammar, answers from what was drawn."""
