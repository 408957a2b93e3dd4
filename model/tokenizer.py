"""Text to token ids and back, such that nothing anybody writes becomes control.

Control and image ids come from the template's own parts; what people wrote is tokenised by a copy
of the tokenizer that knows no special tokens. For ordinary text the ids are those that LLaVA's
`tokenizer_image_token` gives for the rendered prompt. Knows nothing of templates' forms.
"""

import json
import re
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer

from model.config import LlavaConfig
from model.conversation import IMAGE_MARK, Image, Part, Text
from model.detokenizer import Detokenizer
from model.errors import CheckpointError, PromptError


class Tokenizer:
    """The tokenizer of a checkpoint's folder."""

    def __init__(self, folder: Path, config: LlavaConfig) -> None:
        self.image_token_index = config.image_token_index
        try:
            self._hub: Any = AutoTokenizer.from_pretrained(str(folder), local_files_only=True, trust_remote_code=False)
            backend: Backend = self._hub.backend_tokenizer
        except Exception as error:  # transformers raises what it likes
            raise CheckpointError("The checkpoint's tokenizer can't be read: tokenizer.json is missing or damaged.") from error
        self._added = {str(token): number for number, token in self._hub.added_tokens_decoder.items()}
        self._reserved = {*self._added.values(), *self._hub.all_special_ids, self.image_token_index}
        self._control = re.compile("|".join(re.escape(t) for t in sorted(self._added, key=len, reverse=True)) or r"(?!)")
        self._start = _without_control(backend, goes_on=False)
        self._later = _without_control(backend, goes_on=True)
        self._opening = self._beginning_of_text()
        self.vocab_size = len(self._hub)
        self.eos_ids = frozenset({*config.eos_token_ids, *({self._hub.eos_token_id} - {None})})

    def encode_parts(self, parts: Sequence[Part]) -> list[int]:
        """Ids of a template's parts, the image id once for each picture.

        Raises PromptError for a text that can't be kept apart from control tokens.
        """
        ids = list(self._opening)
        after_image = True
        for run in _runs(parts, self._control):
            if isinstance(run, Image):
                ids.append(self.image_token_index)
            elif isinstance(run, Text):
                ids += self._plain(run.text, self._start if after_image else self._later)
            else:
                ids.append(self._added[run])
            after_image = isinstance(run, Image)
        return ids

    def encode_rendered(self, prompt: str) -> list[int]:
        """Ids of a whole formatted prompt as `AutoTokenizer` gives them, special tokens read as such.

        Where the tokenizer has no `<image>` token, as in the original LLaVA layout, the prompt is
        cut at the marks as `tokenizer_image_token` does.
        """
        mark = self._added.get(IMAGE_MARK)
        if mark is None:
            return self.tokenizer_image_token(prompt)
        ids: list[int] = self._hub(prompt)["input_ids"]
        return [self.image_token_index if token == mark else token for token in ids]

    def tokenizer_image_token(self, prompt: str) -> list[int]:
        """LLaVA's own way: each piece between marks alone, one beginning-of-text, an id for each mark."""
        pieces = [self._hub(piece)["input_ids"] for piece in prompt.split(IMAGE_MARK)]
        skip = len(self._opening)
        ids = list(self._opening)
        for place, piece in enumerate(pieces):
            ids += [self.image_token_index] * (place > 0) + piece[skip:]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        text: str = self._hub.decode(list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False)
        return text

    def detokenizer(self, stop: Sequence[str] = ()) -> Detokenizer:
        """A fresh stream of text for one answer."""
        return Detokenizer(self.decode, stop)

    def _beginning_of_text(self) -> list[int]:
        """The ids that the tokenizer puts before every text."""
        empty: list[int] = self._hub("")["input_ids"]
        bos = self._hub.bos_token_id
        return [bos] if bos is not None and empty[:1] == [bos] else []

    def _plain(self, text: str, backend: Backend) -> list[int]:
        """Ids of text in which nothing is control."""
        ids: list[int] = backend.encode(text, add_special_tokens=False).ids
        if self._reserved.isdisjoint(ids):
            return ids
        # A reserved token is a word of the vocabulary as well: cut it in two, wherever it stands.
        cut = self._control.search(text)
        if cut is None or len(cut[0]) < 2:
            raise PromptError("The text holds a character that this model's tokenizer reserves for control.")
        middle = cut.start() + len(cut[0]) // 2
        return self._plain(text[:middle], backend) + self._plain(text[middle:], self._later)


def _runs(parts: Sequence[Part], control: re.Pattern[str]) -> Iterator[Image | Text | str]:
    """Images, control tokens (as strings), and runs of plain text between them.

    Role names and separators that are no tokens of their own are plain text too, and belong to one
    run with what people wrote beside them: cutting there would change the ids.
    """
    plain = ""
    for part in parts:
        if isinstance(part, Text):
            plain += part.text
            continue
        pieces: list[Image | str] = [part] if isinstance(part, Image) else _cut(part.text, control)
        for piece in pieces:
            if isinstance(piece, str) and not control.fullmatch(piece):
                plain += piece
                continue
            if plain:
                yield Text(plain)
            plain = ""
            yield piece
    if plain:
        yield Text(plain)


def _cut(text: str, control: re.Pattern[str]) -> list[Image | str]:
    """A control string in pieces, each a token of its own or plain."""
    places = [0, *(p for match in control.finditer(text) for p in match.span()), len(text)]
    return [text[a:b] for a, b in zip(places, places[1:], strict=False) if a < b]


def _without_control(backend: Backend, *, goes_on: bool) -> Backend:
    """A copy that knows no added tokens. `goes_on`: for a piece that doesn't begin the text.

    Llama's `prepend_scheme: first` puts a space before a text's first word only; a piece after a
    control token must not get one.
    """
    state = json.loads(backend.to_str())
    state["added_tokens"] = []
    state["post_processor"] = state["truncation"] = state["padding"] = None
    if goes_on:
        _never_prepend(state.get("pre_tokenizer"))
    return Backend.from_str(json.dumps(state))


def _never_prepend(step: Any) -> None:
    if isinstance(step, dict):
        if step.get("type") == "Metaspace" and step.get("prepend_scheme") == "first":
            step["prepend_scheme"] = "never"
        for inner in step.get("pretokenizers") or ():
            _never_prepend(inner)
