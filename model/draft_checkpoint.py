"""Loads a draft model: a language model alone, or that of a LLaVA, of the same vocabulary."""

import os

from model import fields
from model.draft import DraftModel
from model.errors import CheckpointError
from model.hub import find_checkpoint
from model.parameters import load_language_model
from model.text_config import fill
from model.tokenizer import Tokenizer, words_of
from model.weights import read_json, stored_tensors

_PREFIX = "language_model."


def load_draft(path_or_repo: str | os.PathLike[str], tokenizer: Tokenizer) -> DraftModel:
    """The language model of a folder or repository, for the large model's `tokenizer`.

    Raises CheckpointError for what can't be read or run, and for another vocabulary.
    """
    folder, _ = find_checkpoint(path_or_repo)
    written = read_json(folder, "config.json")
    if written is None:
        raise CheckpointError("The draft model's folder has no config.json: it is no checkpoint.")
    theirs, ours = words_of(folder), tokenizer.words
    if theirs != ours:
        other = len(theirs.items() ^ ours.items())
        raise CheckpointError(
            f"The draft model has another vocabulary ({other} tokens differ): take one that was "
            "made with the same tokenizer."
        )
    text = fill(fields.section(written, "text_config") or written)
    stored = stored_tensors(folder)
    words = {name: tensor for name, tensor in stored.items() if name.startswith(_PREFIX)}
    return DraftModel(load_language_model(text, words), text)
