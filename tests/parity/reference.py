"""transformers' LLaVA on a checkpoint's folder, in float32: what ours is compared with.

Needs torch, which `python -m pip install torch==2.13.0` brings and nothing but these tests needs.
"""

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

torch = pytest.importorskip(
    "torch",
    reason="the live comparison needs torch (pip install torch==2.13.0); goldens are checked",
)


class Reference:
    """The class that the checkpoint's `model_type` names, with its own processor."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForImageTextToText, AutoProcessor
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.processor: Any = AutoProcessor.from_pretrained(folder)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
        assert not report["missing_keys"], "the checkpoint is not what transformers takes it for"
        self.model: Any = model.eval()

    def logits(self, prompt: str, images: Sequence[Image.Image]) -> NDArray[np.float32]:
        """`[tokens, vocab]`"""
        with torch.no_grad():
            logits: NDArray[np.float32] = (
                self.model(**self._inputs(prompt, images)).logits[0].numpy()
            )
        return logits

    def greedy(self, prompt: str, images: Sequence[Image.Image], tokens: int) -> list[int]:
        """The continuation's token ids."""
        inputs = self._inputs(prompt, images)
        settings = {"max_new_tokens": tokens, "min_new_tokens": tokens, "do_sample": False}
        with torch.no_grad():
            written = self.model.generate(**inputs, **settings, pad_token_id=0)
        ids: list[int] = written[0, inputs["input_ids"].shape[1] :].tolist()
        return ids

    def _inputs(self, prompt: str, images: Sequence[Image.Image]) -> Any:
        # The processor wants None for no images at all.
        return self.processor(text=prompt, images=list(images) or None, return_tensors="pt")
