"""What a checkpoint's `vision_config` says of its vision tower, with transformers' defaults."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Self

from model import fields
from model.activations import ACTIVATIONS
from model.errors import CheckpointError

# What transformers takes for granted of each kind of tower, where `vision_config` is silent.
_TOWERS: dict[str, dict[str, Any]] = {
    "clip_vision_model": {
        "patch_size": 32,
        "layer_norm_eps": 1e-5,
        "hidden_act": "quick_gelu",
    },
    "siglip_vision_model": {
        "patch_size": 16,
        "layer_norm_eps": 1e-6,
        "hidden_act": "gelu_pytorch_tanh",
    },
}
_EVERY_TOWER: dict[str, Any] = {
    "hidden_size": 768,
    "intermediate_size": 3072,
    "num_hidden_layers": 12,
    "num_attention_heads": 12,
    "image_size": 224,
    "num_channels": 3,
}
# The towers of checkpoints that don't describe theirs.
CLIP_L_336: dict[str, Any] = {
    "model_type": "clip_vision_model",
    "hidden_size": 1024,
    "intermediate_size": 4096,
    "num_hidden_layers": 24,
    "num_attention_heads": 16,
    "image_size": 336,
    "patch_size": 14,
}
CLIP_L_224 = CLIP_L_336 | {"image_size": 224}
SIGLIP_SO400M_384: dict[str, Any] = {
    "model_type": "siglip_vision_model",
    "hidden_size": 1152,
    "intermediate_size": 4304,
    "num_hidden_layers": 26,
    "num_attention_heads": 16,
    "image_size": 384,
    "patch_size": 14,
}


@dataclass(frozen=True, slots=True)
class VisionConfig:
    """A vision transformer; `model_type` is one of `network.TOWERS`."""

    model_type: str
    hidden_size: int
    intermediate_size: int
    num_hidden_layers: int
    num_attention_heads: int
    image_size: int
    patch_size: int
    num_channels: int
    layer_norm_eps: float
    hidden_act: str

    @property
    def class_tokens(self) -> int:
        """How many tokens that are no patches come first: CLIP has one, SigLIP none."""
        return 1 if self.model_type == "clip_vision_model" else 0

    @property
    def side(self) -> int:
        """Patches along each side of a picture."""
        return self.image_size // self.patch_size

    @property
    def patches(self) -> int:
        """Patches of one picture, without the class token."""
        return self.side**2

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Self:
        """Read `vision_config`, what isn't said in it as transformers does."""
        kind = fields.choice({"vision tower": given.get("model_type")}, "vision tower", [*_TOWERS])
        read = _EVERY_TOWER | _TOWERS[kind] | dict(given)
        vision = cls(
            model_type=kind,
            hidden_size=fields.whole(read, "hidden_size"),
            intermediate_size=fields.whole(read, "intermediate_size"),
            num_hidden_layers=fields.whole(read, "num_hidden_layers", high=1024),
            num_attention_heads=fields.whole(read, "num_attention_heads"),
            image_size=fields.whole(read, "image_size", high=8192),
            patch_size=fields.whole(read, "patch_size", high=8192),
            num_channels=fields.whole(read, "num_channels", low=3, high=3),
            layer_norm_eps=fields.positive(read, "layer_norm_eps"),
            hidden_act=fields.choice(read, "hidden_act", ACTIVATIONS),
        )
        if vision.hidden_size % vision.num_attention_heads or not vision.patches:
            raise CheckpointError(
                f"config.json: a vision tower of width {vision.hidden_size} with "
                f"{vision.num_attention_heads} heads, or pictures of {vision.image_size} pixels "
                f"in patches of {vision.patch_size}, can't be."
            )
        return vision
