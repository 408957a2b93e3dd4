"""The LLaVAs that the program offers by name: data, and what follows from it.

Sizes are those of the published configurations. A licence is the one its page on the hub names, or
else that of its language model; what counts is the page.
"""

from dataclasses import dataclass
from typing import Any

from model.errors import CheckpointError


@dataclass(frozen=True, slots=True)
class Language:
    """A language model's sizes; `bias` is on queries, keys and values (Qwen)."""

    kind: str
    hidden: int
    layers: int
    heads: int
    key_value_heads: int
    intermediate: int
    vocabulary: int
    tied: bool = False
    bias: bool = False

    @property
    def key_value_size(self) -> int:
        return self.key_value_heads * self.hidden // self.heads

    @property
    def parameters(self) -> int:
        attention = 2 * self.hidden * (self.hidden + self.key_value_size)
        attention += (self.hidden + 2 * self.key_value_size) if self.bias else 0
        layer = attention + 3 * self.hidden * self.intermediate + 2 * self.hidden
        words = self.vocabulary * self.hidden * (1 if self.tied else 2)
        return words + self.layers * layer + self.hidden


@dataclass(frozen=True, slots=True)
class Tower:
    """A vision tower's configuration, as config.json has it, its number of parameters, and which
    of its layers LLaVA takes, with or without the class token."""

    config: dict[str, Any]
    parameters: int
    layer: int
    strategy: str


VICUNA_7B = Language("llama", 4096, 32, 32, 32, 11008, 32064)
VICUNA_13B = Language("llama", 5120, 40, 40, 40, 13824, 32064)
MISTRAL_7B = Language("mistral", 4096, 32, 32, 8, 14336, 32064)
YI_34B = Language("llama", 7168, 60, 56, 8, 20480, 64064)
LLAMA_3_8B = Language("llama", 4096, 32, 32, 8, 14336, 128320)
QWEN15_05B = Language("qwen2", 1024, 24, 16, 16, 2816, 152000, tied=True, bias=True)
QWEN15_7B = Language("qwen2", 4096, 32, 32, 32, 11008, 152000, bias=True)
QWEN2_05B = Language("qwen2", 896, 24, 14, 2, 4864, 152000, tied=True, bias=True)
QWEN2_7B = Language("qwen2", 3584, 28, 28, 4, 18944, 152128, bias=True)

CLIP = Tower(
    {
        "model_type": "clip_vision_model",
        "hidden_size": 1024,
        "intermediate_size": 4096,
        "num_hidden_layers": 24,
        "num_attention_heads": 16,
        "image_size": 336,
        "patch_size": 14,
    },
    303_507_456,
    -2,
    "default",
)
SIGLIP = Tower(
    {
        "model_type": "siglip_vision_model",
        "hidden_size": 1152,
        "intermediate_size": 4304,
        "num_hidden_layers": 26,
        "num_attention_heads": 16,
        "image_size": 384,
        "patch_size": 14,
        "vision_use_head": False,
    },
    397_747_744,
    -1,
    "full",
)

_LAYERS: dict[str, list[int]] = {"vipllava": [-2, -5, -8, -11, 6]}  # where it takes several


@dataclass(frozen=True, slots=True)
class Curated:
    """A model of the list. `family` is its `model_type`; its files hold 16 bits a weight."""

    alias: str
    repository: str
    title: str
    family: str
    language: Language
    tower: Tower
    licence: str
    good_at: str

    @property
    def parameters(self) -> int:
        layers = _LAYERS.get(self.family, [-1])
        width = len(layers) * self.tower.config["hidden_size"]
        out = self.language.hidden
        projector = (width + 1) * out + (out + 1) * out
        return self.tower.parameters + projector + self.language.parameters

    @property
    def size(self) -> int:
        """Bytes of its weights."""
        return 2 * self.parameters

    @property
    def refusal(self) -> str:
        """Why this program can't run it, empty where it can."""
        from model import fitness  # here, so that names alone cost nothing

        try:
            fitness.check(self._config())
        except CheckpointError as error:
            return str(error)
        return ""

    def _config(self) -> dict[str, Any]:
        language = self.language
        return {
            "model_type": self.family,
            "vision_config": self.tower.config,
            "vision_feature_select_strategy": self.tower.strategy,
            "vision_feature_layer": _LAYERS.get(self.family, self.tower.layer),
            "text_config": {
                "model_type": language.kind,
                "hidden_size": language.hidden,
                "num_hidden_layers": language.layers,
                "num_attention_heads": language.heads,
                "num_key_value_heads": language.key_value_heads,
                "intermediate_size": language.intermediate,
                "vocab_size": language.vocabulary,
            },
        }


_LLAMA_2 = "Llama 2 Community"
_LLAMA_3 = "Llama 3 Community"
_APACHE = "Apache 2.0"
_QWEN = "Tongyi Qianwen research: not for commerce"

CURATED: tuple[Curated, ...] = (
    Curated(
        "llava-interleave-0.5b",
        "llava-hf/llava-interleave-qwen-0.5b-hf",
        "LLaVA-Interleave 0.5B",
        "llava",
        QWEN15_05B,
        SIGLIP,
        _QWEN,
        "Small and quick; several pictures in a message, compared with each other.",
    ),
    Curated(
        "llava-onevision-0.5b",
        "llava-hf/llava-onevision-qwen2-0.5b-ov-hf",
        "LLaVA-OneVision 0.5B",
        "llava_onevision",
        QWEN2_05B,
        SIGLIP,
        _APACHE,
        "The best of the small ones: text in pictures, several pictures.",
    ),
    Curated(
        "llava-1.5-7b",
        "llava-hf/llava-1.5-7b-hf",
        "LLaVA 1.5 7B",
        "llava",
        VICUNA_7B,
        CLIP,
        _LLAMA_2,
        "Talk about photographs; the one that most others are compared with.",
    ),
    Curated(
        "llava-1.5-13b",
        "llava-hf/llava-1.5-13b-hf",
        "LLaVA 1.5 13B",
        "llava",
        VICUNA_13B,
        CLIP,
        _LLAMA_2,
        "Like 1.5 7B, with more knowledge and better reasons.",
    ),
    Curated(
        "bakllava",
        "llava-hf/bakLlava-v1-hf",
        "BakLLaVA 7B",
        "llava",
        MISTRAL_7B,
        CLIP,
        _APACHE,
        "LLaVA 1.5's recipe on Mistral 7B: long conversations.",
    ),
    Curated(
        "llava-llama-3-8b",
        "xtuner/llava-llama-3-8b-v1_1-transformers",
        "LLaVA Llama-3 8B",
        "llava",
        LLAMA_3_8B,
        CLIP,
        _LLAMA_3,
        "LLaVA 1.5's recipe on Llama 3: follows instructions closely.",
    ),
    Curated(
        "vip-llava-7b",
        "llava-hf/vip-llava-7b-hf",
        "ViP-LLaVA 7B",
        "vipllava",
        VICUNA_7B,
        CLIP,
        _LLAMA_2,
        "Understands arrows, boxes and scribbles drawn into a picture.",
    ),
    Curated(
        "vip-llava-13b",
        "llava-hf/vip-llava-13b-hf",
        "ViP-LLaVA 13B",
        "vipllava",
        VICUNA_13B,
        CLIP,
        _LLAMA_2,
        "Like ViP-LLaVA 7B, with more knowledge.",
    ),
    Curated(
        "llava-1.6-vicuna-7b",
        "llava-hf/llava-v1.6-vicuna-7b-hf",
        "LLaVA 1.6 Vicuna 7B",
        "llava_next",
        VICUNA_7B,
        CLIP,
        _LLAMA_2,
        "Sees four times the detail of 1.5: small print, charts.",
    ),
    Curated(
        "llava-1.6-mistral-7b",
        "llava-hf/llava-v1.6-mistral-7b-hf",
        "LLaVA 1.6 Mistral 7B",
        "llava_next",
        MISTRAL_7B,
        CLIP,
        _APACHE,
        "Small print and charts, and a long memory (32,768 tokens).",
    ),
    Curated(
        "llava-next-llama-3-8b",
        "llava-hf/llama3-llava-next-8b-hf",
        "LLaVA-NeXT Llama-3 8B",
        "llava_next",
        LLAMA_3_8B,
        CLIP,
        _LLAMA_3,
        "Small print and charts; the strongest language of the 8B ones.",
    ),
    Curated(
        "llava-1.6-vicuna-13b",
        "llava-hf/llava-v1.6-vicuna-13b-hf",
        "LLaVA 1.6 Vicuna 13B",
        "llava_next",
        VICUNA_13B,
        CLIP,
        _LLAMA_2,
        "Small print and charts, with more knowledge.",
    ),
    Curated(
        "llava-interleave-7b",
        "llava-hf/llava-interleave-qwen-7b-hf",
        "LLaVA-Interleave 7B",
        "llava",
        QWEN15_7B,
        SIGLIP,
        _QWEN,
        "Several pictures told apart: differences, stories, sequences.",
    ),
    Curated(
        "llava-onevision-7b",
        "llava-hf/llava-onevision-qwen2-7b-ov-hf",
        "LLaVA-OneVision 7B",
        "llava_onevision",
        QWEN2_7B,
        SIGLIP,
        _APACHE,
        "The best all-round: documents, charts, several pictures.",
    ),
    Curated(
        "llava-1.6-34b",
        "llava-hf/llava-v1.6-34b-hf",
        "LLaVA 1.6 34B",
        "llava_next",
        YI_34B,
        CLIP,
        _APACHE,
        "The most knowledge; for machines with 96 GB or more.",
    ),
)

ALIASES: dict[str, str] = {model.alias: model.repository for model in CURATED}
