"""transformers' LLaVA on a checkpoint's folder, in float32: what ours is compared with.

Needs torch, which `python -m pip install torch==2.13.0` brings and nothing but these tests needs.
"""

import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from model.image_processor import PictureOrClip

torch = pytest.importorskip(
    "torch",
    reason="the live comparison needs torch (pip install torch==2.13.0); goldens are checked",
)


class Reference:
    """The class that the checkpoint's `model_type` names, with its own processor."""

    def __init__(self, folder: Path) -> None:
        from transformers import AutoModelForImageTextToText
        from transformers.utils import logging

        logging.disable_progress_bar()
        logging.set_verbosity_error()
        self.processor = _processor(folder)
        model, report = AutoModelForImageTextToText.from_pretrained(
            folder, dtype=torch.float32, output_loading_info=True
        )
        assert not report["missing_keys"], "the checkpoint is not what transformers takes it for"
        self.model: Any = model.eval()
        if hasattr(
            model.config, "video_token_id"
        ):  # a mark of its own, which the processor lets be
            self.processor.tokenizer.add_tokens(["<clip>"], special_tokens=True)
            video = self.processor.tokenizer.convert_tokens_to_ids("<clip>")
            model.config.video_token_id = video
        self.model.generation_config.eos_token_id = None  # as many tokens as are asked for

    def logits(self, prompt: str, images: Sequence[PictureOrClip]) -> NDArray[np.float32]:
        """`[tokens, vocab]`"""
        with torch.no_grad():
            logits: NDArray[np.float32] = (
                self.model(**self._inputs(prompt, images)).logits[0].numpy()
            )
        return logits

    def greedy(self, prompt: str, images: Sequence[PictureOrClip], tokens: int) -> list[int]:
        """The continuation's token ids."""
        inputs = self._inputs(prompt, images)
        settings = {"max_new_tokens": tokens, "do_sample": False}
        with torch.no_grad():
            written = self.model.generate(**inputs, **settings, pad_token_id=0)
        ids: list[int] = written[0, inputs["input_ids"].shape[1] :].tolist()
        return ids

    def _inputs(self, prompt: str, images: Sequence[PictureOrClip]) -> Any:
        # The processor wants None for no images at all, and a list of lists for several in one
        # sample, of which the family's training made something else than of one.
        pictures = [image for image in images if isinstance(image, Image.Image)]
        clips = [image for image in images if not isinstance(image, Image.Image)]
        given = [pictures] if len(pictures) > 1 else pictures
        prompt = self._with_places(prompt, images)
        inputs = self.processor(text=[prompt], images=given or None, return_tensors="pt")
        if clips:
            inputs["pixel_values_videos"] = torch.stack([self._frames(clip) for clip in clips])
        return inputs

    def _with_places(self, prompt: str, images: Sequence[PictureOrClip]) -> str:
        """With a `<clip>` for each visual token of a clip, as transformers' processor counts."""
        first, *rest = prompt.split("<image>")
        for image, text in zip(images, rest, strict=True):
            if isinstance(image, Image.Image):
                first += "<image>" + text
            else:
                side = math.ceil(math.isqrt(self.processor.num_image_tokens) / 2)
                first += "<clip>" * (len(image) * side**2 + 1) + text
        return first

    def _frames(self, clip: Sequence[Image.Image]) -> Any:
        """`[frames, 3, side, side]`: each squashed to a tile, as the whole of a picture is."""
        prepare = self.processor.image_processor
        return torch.stack(
            [prepare(frame, return_tensors="pt")["pixel_values"][0, 0] for frame in clip]
        )


def _processor(folder: Path) -> Any:
    """OneVision's is put together by hand: that for its videos needs torchvision."""
    from transformers import (
        AutoImageProcessor,
        AutoProcessor,
        AutoTokenizer,
        LlavaOnevisionProcessor,
        ProcessorMixin,
    )

    settings, _ = ProcessorMixin.get_processor_dict(folder)
    if settings["processor_class"] != "LlavaOnevisionProcessor":
        return AutoProcessor.from_pretrained(folder)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.image_token_id = tokenizer.convert_tokens_to_ids("<image>")

    class ForPictures(LlavaOnevisionProcessor):  # type: ignore[misc]
        def check_argument_for_proper_class(self, *_: Any) -> None:
            """It would want a processor of videos, too."""

    return ForPictures(
        AutoImageProcessor.from_pretrained(folder),
        tokenizer,
        num_image_tokens=settings["num_image_tokens"],
        vision_feature_select_strategy=settings["vision_feature_select_strategy"],
        vision_aspect_ratio=settings["vision_aspect_ratio"],
    )
