"""Text to token ids and back, such that nothing anybody writes becomes control.

Control and image ids come from the template's own parts; what people wrote is tokenised by a copy
of the tokenizer that knows no special tokens. For ordinary text the ids are those that LLaVA's
`tokenizer_image_token` gives for the rendered prompt. Knows nothing of templates' forms.
"""

import json
import re
from collections.abc import Iterator, Sequence
from itertools import pairwise
from pathlib import Path
from typing import Any

from tokenizers import Tokenizer as Backend
from transformers import AutoTokenizer, LlamaTokenizer

from model.config import LlavaConfig
from model.conversation import IMAGE_MARK, Image, Part, Text
from model.detokenizer import Detokenizer
from model.errors import CheckpointError, PromptError


class Tokenizer:
    """The tokenizer of a checkpoint's folder."""

    def __init__(self, folder: Path, config: LlavaConfig) -> None:
        self.image_token_index = config.image_token_index
        self._hub = _read(folder)
        added = self._hub.added_tokens_decoder
        self._added = {str(token): number for number, token in added.items()}
        self._hidden = frozenset(number for number, token in added.items() if token.special)
        self._reserved = {
            *self._added.values(),
            *self._hub.all_special_ids,
            config.image_token_index,
        }
        longest_first = sorted(self._added, key=len, reverse=True)
        self._control = re.compile("|".join(map(re.escape, longest_first)) or r"(?!)")
        self._start, self._later = _without_control(self._hub.backend_tokenizer)
        self._opening = self._beginning_of_text()
        self.vocab_size = len(self._hub)
        self.words = _words(self._hub)  # and their ids, without what was added to the vocabulary
        eos = self._hub.eos_token_id
        self.eos_ids = frozenset(config.eos_token_ids) | ({eos} if eos is not None else set())

    def encode_parts(self, parts: Sequence[Part]) -> list[int]:
        """Ids of a template's parts, the image id once for each picture.

        Raises PromptError for a text that can't be kept apart from control tokens.
        """
        ids = list(self._opening)
        afresh = True  # the piece after an image, as the first, is tokenised as a text's beginning
        for run in _runs(parts, self._control):
            if isinstance(run, Image):
                ids.append(self.image_token_index)
            elif isinstance(run, Text):
                ids += self._plain(run.text, self._start if afresh else self._later)
            elif [self._added[run]] != ids:  # a checkpoint's own template may begin the text itself
                ids.append(self._added[run])
            afresh = isinstance(run, Image) or ids == self._opening
        return ids

    def encode_rendered(self, prompt: str) -> list[int]:
        """Ids of a whole formatted prompt as `AutoTokenizer` gives them, special tokens and all.

        In the original LLaVA layout, and wherever `<image>` is no token, the prompt is cut at the
        marks as LLaVA does.
        """
        mark = self._added.get(IMAGE_MARK)
        if mark is None or self.image_token_index < 0:
            return self.tokenizer_image_token(prompt)
        ids: list[int] = self._hub(prompt)["input_ids"]
        return [self.image_token_index if token == mark else token for token in ids]

    def tokenizer_image_token(self, prompt: str) -> list[int]:
        """LLaVA's own way: each piece between marks alone, one beginning-of-text, marks between."""
        pieces = [self._hub(piece)["input_ids"] for piece in prompt.split(IMAGE_MARK)]
        skip = len(self._opening)
        ids = list(self._opening)
        for place, piece in enumerate(pieces):
            ids += [self.image_token_index] * (place > 0) + piece[skip:]
        return ids

    def decode(self, ids: Sequence[int]) -> str:
        """Text of ids, special tokens left out."""
        text: str = self._hub.decode(
            list(ids), skip_special_tokens=True, clean_up_tokenization_spaces=False
        )
        return text

    def detokenizer(self, stop: Sequence[str] = ()) -> Detokenizer:
        """A fresh stream of text for one answer, which ends at any of the strings `stop`."""
        ends = frozenset(self._added[text] for text in stop if text in self._added)
        return Detokenizer(self.decode, stop, hidden=self._hidden, ends=ends)

    def _beginning_of_text(self) -> list[int]:
        """The ids that the tokenizer puts before every text."""
        empty: list[int] = self._hub("")["input_ids"]
        bos = self._hub.bos_token_id
        return [bos] if bos is not None and empty[:1] == [bos] else []

    def _plain(self, text: str, backend: Backend) -> list[int]:
        """Ids of text in which nothing is control."""
        try:
            ids: list[int] = backend.encode(text, add_special_tokens=False).ids
        except (TypeError, UnicodeError) as error:
            raise PromptError("The text holds half a character: write that place anew.") from error
        if self._reserved.isdisjoint(ids):
            return ids
        if len(text) < 2:
            raise PromptError("The text holds a character that the model keeps for control.")
        # A reserved token is a word of the vocabulary as well: cut it, wherever it stands.
        middles = {sum(match.span()) // 2 for match in self._control.finditer(text)}
        places = sorted((middles or {len(text) // 2}) - {0}) or [len(text) // 2]
        pieces = [text[a:b] for a, b in pairwise([0, *places, len(text)])]
        first = self._plain(pieces[0], backend)
        return [
            *first,
            *(token for piece in pieces[1:] for token in self._plain(piece, self._later)),
        ]


def words_of(folder: Path) -> dict[str, int]:
    """The vocabulary of a folder's tokenizer, without what was added. Raises CheckpointError."""
    return _words(_read(folder))


def _words(hub: Any) -> dict[str, int]:
    added = hub.added_tokens_decoder
    return {token: number for token, number in hub.get_vocab().items() if number not in added}


def _read(folder: Path) -> Any:
    """transformers' tokenizer of the folder, from its files alone."""
    given = {"local_files_only": True, "trust_remote_code": False}
    try:
        if (folder / "tokenizer.json").exists() or not (folder / "tokenizer.model").exists():
            return AutoTokenizer.from_pretrained(str(folder), **given)
        # From SentencePiece's own file, AutoTokenizer makes one that forgets a text's first space.
        return LlamaTokenizer.from_pretrained(str(folder), **given, **_original_flags(folder))
    except Exception as error:  # transformers raises what it likes
        raise CheckpointError(
            "The checkpoint's tokenizer can't be read: tokenizer.json is missing or damaged."
        ) from error


def _original_flags(folder: Path) -> dict[str, bool]:
    """What transformers 4, which such checkpoints were trained with, took where nothing is said."""
    written = folder / "tokenizer_config.json"
    settings = json.loads(written.read_text(encoding="utf-8")) if written.exists() else {}
    return {flag: settings.get(flag) is not False for flag in ("add_bos_token", "legacy")}


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
    return [text[a:b] for a, b in pairwise(places) if a < b]


def _without_control(backend: Backend) -> tuple[Backend, Backend]:
    """Copies that know no added tokens, for a piece that begins a text and for one that goes on.

    Llama's `prepend_scheme: first` puts a space before a text's first word only; a piece after a
    control token must not get one.
    """
    state = json.loads(backend.to_str())
    state["added_tokens"] = []
    state["post_processor"] = state["truncation"] = state["padding"] = None
    written = json.dumps(state)
    _never_prepend(state.get("pre_tokenizer"))
    start, later = Backend.from_str(written), json.dumps(state)
    return start, start if later == written else Backend.from_str(later)


def _never_prepend(step: Any) -> None:
    if isinstance(step, dict):
        if step.get("type") == "Metaspace" and step.get("prepend_scheme") == "first":
            step["prepend_scheme"] = "never"
        for inner in step.get("pretokenizers") or ():
            _never_prepend(inner)
