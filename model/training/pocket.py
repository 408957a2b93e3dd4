"""The recipe of the bundled model: every stage with its settings, and the checkpoint it ends in.

`python -m model train pocket` runs it; stopped anywhere, the same command goes on from there.
"""

import hashlib
import json
import shutil
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import mlx.core as mx
from mlx.utils import tree_flatten
from tokenizers import Tokenizer

from model.checkpoint import load_network
from model.config import LlavaConfig
from model.conversation import get_template
from model.network import LlavaNetwork
from model.training import curves, manners, vision, vocabulary
from model.training.dataset import PATCH, SIDE, Pictures, render
from model.training.dialogue.weights import INSTRUCT_WEIGHTS, POLISH_WEIGHTS, WEIGHTS
from model.training.packing import Plan
from model.training.run import Limits
from model.training.stages import (
    Features,
    Source,
    initialise_projector,
    train_language,
    train_llava,
)
from model.weights import stored_tensors

# MLX allocates anew in every step; without these glibc gives the memory back each time.
ALLOCATOR = {
    "MALLOC_ARENA_MAX": "1", "MALLOC_MMAP_MAX_": "0", "MALLOC_TRIM_THRESHOLD_": str(4 << 30),
    "MALLOC_TOP_PAD_": str(256 << 20), "OPENBLAS_NUM_THREADS": "1",
}  # fmt: skip
# LLaVA's `v1` prompt, as this repository's own template renders it.
CHAT_TEMPLATE = """\
{%- if messages[0].role == 'system' -%}
{%- set system, turns = messages[0].content, messages[1:] -%}
{%- else -%}
{%- set system, turns = SYSTEM, messages -%}
{%- endif -%}
{{- (system if system is string else system[0].text) + ' ' -}}
{%- for message in turns -%}
{{- 'USER: ' if message.role == 'user' else 'ASSISTANT: ' -}}
{%- if message.content is string -%}
{{- message.content -}}
{%- else -%}
{%- for part in message.content if part.type == 'image' -%}{{- '<image>\\n' -}}{%- endfor -%}
{%- for part in message.content if part.type == 'text' -%}{{- part.text -}}{%- endfor -%}
{%- endif -%}
{{- ' ' if message.role == 'user' else '</s>' -}}
{%- endfor -%}
{%- if add_generation_prompt -%}{{- 'ASSISTANT:' -}}{%- endif -%}
"""


@dataclass(frozen=True, slots=True)
class Recipe:
    """Sizes and lengths of every stage."""

    pictures: int = 64_000
    featured: int = 64_000  # pictures that the stages after the tower see
    held: int = 320
    vision_steps: int = 7000
    widen_steps: int = 6000
    phrases_steps: int = 300  # only where a trained tower goes on
    language_steps: int = 1300
    align_steps: int = 150
    instruct_steps: int = 3000
    polish_steps: int = 4000
    polish_rates: tuple[float, float] = (0.006, 1e-3)  # of Muon and AdamW, at most
    half_batch: int = 8
    length: int = 352
    limits: Limits = field(default_factory=Limits)


# What `--start` takes: tower, projector and polish once more, on new pictures.
AGAIN = Recipe(
    pictures=40_000,
    featured=40_000,
    vision_steps=5000,
    align_steps=100,
    polish_steps=2400,
    polish_rates=(0.004, 7e-4),
)
CONFIG: dict[str, Any] = {
    "architectures": ["LlavaForConditionalGeneration"],
    "model_type": "llava",
    "image_token_index": vocabulary.SIZE - 2,
    "image_seq_length": (SIDE // PATCH) ** 2,
    "multimodal_projector_bias": True,
    "projector_hidden_act": "gelu",
    "vision_feature_layer": -1,
    "vision_feature_select_strategy": "default",
    "tie_word_embeddings": False,
    "dtype": "float32",
    "vision_config": {
        "model_type": "clip_vision_model", "hidden_size": 128, "intermediate_size": 512, "num_hidden_layers": 4,
        "num_attention_heads": 4, "image_size": SIDE, "patch_size": PATCH, "projection_dim": 128,
        "hidden_act": "quick_gelu", "layer_norm_eps": 1e-5,
    },
    "text_config": {
        "model_type": "llama", "vocab_size": vocabulary.SIZE, "hidden_size": 128, "intermediate_size": 384,
        "num_hidden_layers": 6, "num_attention_heads": 4, "num_key_value_heads": 4, "head_dim": 32, "hidden_act": "silu",
        "max_position_embeddings": 2048, "rms_norm_eps": 1e-5, "rope_theta": 10000.0, "attention_bias": False,
        "tie_word_embeddings": False, "bos_token_id": 1, "eos_token_id": 2, "pad_token_id": vocabulary.SIZE - 1,
    },
}  # fmt: skip
PREPROCESSOR: dict[str, Any] = {
    "image_processor_type": "LlavaImageProcessor", "processor_class": "LlavaProcessor",
    "do_pad": True, "do_resize": True, "size": {"shortest_edge": SIDE}, "resample": 3,
    "do_center_crop": True, "crop_size": {"height": SIDE, "width": SIDE},
    "do_rescale": True, "rescale_factor": 1 / 255, "do_normalize": True,
    "image_mean": [0.5] * 3, "image_std": [0.25] * 3, "do_convert_rgb": True,
}  # fmt: skip
PROCESSOR: dict[str, Any] = {
    "processor_class": "LlavaProcessor", "patch_size": PATCH, "num_additional_image_tokens": 1,
    "vision_feature_select_strategy": "default", "image_token": vocabulary.IMAGE,
}  # fmt: skip


def train(folder: Path, out: Path, recipe: Recipe | None = None) -> dict[str, list[float]]:
    """Run all stages in `folder`, write the checkpoint, log and curves to `out`.

    Returns each stage's losses. What `folder` holds of an earlier run is not done again.
    """
    recipe = recipe or Recipe()
    tokenizer = _tokenizer(folder)
    encoder = vocabulary.Encoder(tokenizer)
    first = render(folder / "pictures", recipe.pictures, 1_000_000)
    held = render(folder / "held", recipe.held, 5_000)
    wide = _Wide.render(folder, recipe)
    network = LlavaNetwork(LlavaConfig.from_dict(CONFIG))
    phases = (
        vision.Phase("vision", first, held, recipe.vision_steps, (0.012, 2e-3), lots=0),
        vision.Phase(
            "vision-widen", wide.pictures, wide.held, recipe.widen_steps, (0.006, 1e-3), lots=2
        ),
    )
    losses = vision.train(folder, network.vision_tower, phases, recipe.limits)
    plan = Plan(length=recipe.length)
    source = Source(first, encoder, plan, WEIGHTS, recipe.half_batch)
    trial = Source(held, encoder, plan, WEIGHTS, 2 * recipe.half_batch)
    lm = network.language_model
    losses["language"] = train_language(
        folder, lm, source, trial, recipe.language_steps, recipe.limits
    )
    frozen = _Frozen(network, wide.featured, wide.held, folder)
    initialise_projector(network.multi_modal_projector, frozen.features)
    trial = replace(trial, pictures=wide.held)
    source = replace(source, weights=INSTRUCT_WEIGHTS)
    for stage, steps, rates in (
        ("align", recipe.align_steps, (0.01, 3e-3)), ("instruct", recipe.instruct_steps, (0.01, 2e-3)),
    ):  # fmt: skip
        losses[stage] = frozen.train(stage, source, trial, steps, rates, recipe.limits)
    losses["polish"] = frozen.polish(source, trial, recipe)
    _finish(folder, out, network, tokenizer)
    return losses


def go_on(folder: Path, out: Path, start: Path, recipe: Recipe = AGAIN) -> dict[str, list[float]]:
    """Train a checkpoint of this recipe further, on new pictures; its log goes on.

    The tower first, then the projector alone to the changed tower, then the polish. Returns
    each stage's losses.
    """
    folder.mkdir(parents=True, exist_ok=True)
    if not (folder / "log.jsonl").exists():
        shutil.copy(start / "training.jsonl", folder / "log.jsonl")
    tokenizer = Tokenizer.from_file(str(start / "tokenizer.json"))
    network = load_network(LlavaConfig.from_dict(CONFIG), stored_tensors(start))
    plan, encoder = Plan(length=recipe.length), vocabulary.Encoder(tokenizer)
    wide = _Wide.render(folder, recipe, 4_000_000)
    phrases = vision.Phase(
        "vision-heads", wide.pictures, wide.held, recipe.phrases_steps, (0.01, 2e-3), lots=3
    )
    phase = vision.Phase(
        "vision-refine", wide.pictures, wide.held, recipe.vision_steps, (0.005, 8e-4), lots=4
    )
    losses = vision.go_on(folder, network.vision_tower, phrases, phase, recipe.limits)
    source = Source(wide.featured, encoder, plan, WEIGHTS, recipe.half_batch)
    trial = Source(wide.held, encoder, plan, WEIGHTS, 2 * recipe.half_batch)
    frozen = _Frozen(network, wide.featured, wide.held, folder)
    losses["align"] = frozen.train(
        "align", source, trial, recipe.align_steps, (0.005, 1e-3), recipe.limits
    )
    losses["polish"] = frozen.polish(source, trial, recipe, 2 * 10**8)
    _finish(folder, out, network, tokenizer)
    return losses


@dataclass(frozen=True, slots=True)
class _Wide:
    """Pictures of which half are drawn in many more manners; what comes after the tower sees these."""

    pictures: Pictures
    held: Pictures
    featured: Pictures

    @classmethod
    def render(cls, folder: Path, recipe: Recipe, first_seed: int = 3_000_000) -> "_Wide":
        return cls(
            render(folder / "pictures3", recipe.pictures, first_seed, manners.draw),
            render(folder / "held-wide", recipe.held, 6_000, manners.draw),
            Pictures(folder / "pictures3", recipe.featured, first_seed),
        )


class _Frozen:
    """The stages after the tower, on its features, which are computed once."""

    def __init__(
        self, network: LlavaNetwork, pictures: Pictures, held: Pictures, folder: Path
    ) -> None:
        self.network, self.pictures, self.folder = network, pictures, folder
        self.features = Features(network.vision_tower, pictures, folder / "features.npy")
        self.held_features = Features(network.vision_tower, held)

    def train(
        self,
        stage: str,
        source: Source,
        trial: Source,
        steps: int,
        rates: tuple[float, float],
        limits: Limits,
    ) -> list[float]:
        source = replace(source, pictures=self.pictures)
        lm, projector = self.network.language_model, self.network.multi_modal_projector
        return train_llava(
            self.folder,
            stage,
            lm,
            projector,
            source,
            trial,
            self.features,
            self.held_features,
            steps,
            rates,
            limits,
        )

    def polish(
        self, source: Source, trial: Source, recipe: Recipe, first_seed: int = 10**8
    ) -> list[float]:
        """The last stage: new conversations, mostly of what is hard, oftener with two pictures."""
        plan = replace(source.plan, second_picture=0.3)
        source = replace(source, weights=POLISH_WEIGHTS, plan=plan, first_seed=first_seed)
        steps, rates = recipe.polish_steps, recipe.polish_rates
        return self.train("polish", source, trial, steps, rates, recipe.limits)


def _finish(folder: Path, out: Path, network: LlavaNetwork, tokenizer: Tokenizer) -> None:
    """Write the checkpoint, and beside it the log, which names the weights, and its curves."""
    digest = export(network, tokenizer, out)
    with (folder / "log.jsonl").open("a") as log:
        log.write(json.dumps({"stage": "export", "sha256 of model.safetensors": digest}) + "\n")
    shutil.copy(folder / "log.jsonl", out / "training.jsonl")
    curves.draw(out / "training.jsonl", out / "training.svg")


def _tokenizer(folder: Path) -> Tokenizer:
    if not (folder / "tokenizer.json").exists():
        vocabulary.save(vocabulary.build(), folder)
    return Tokenizer.from_file(str(folder / "tokenizer.json"))


def export(network: LlavaNetwork, tokenizer: Tokenizer, out: Path) -> str:
    """Write the checkpoint as transformers reads it; returns the weights' sha256."""
    vocabulary.save(tokenizer, out)
    (out / "chat_template.jinja").write_text(
        CHAT_TEMPLATE.replace("SYSTEM", json.dumps(get_template("v1").system))
    )
    generation = {
        "bos_token_id": 1,
        "eos_token_id": 2,
        "pad_token_id": vocabulary.SIZE - 1,
        "do_sample": False,
    }
    for name, content in (
        ("config", CONFIG), ("preprocessor_config", PREPROCESSOR),
        ("processor_config", PROCESSOR), ("generation_config", generation),
    ):  # fmt: skip
        (out / f"{name}.json").write_text(json.dumps(content, indent=2) + "\n")
    file = out / "model.safetensors"
    mx.save_safetensors(str(file), _hub_names(network), {"format": "pt"})
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _hub_names(network: LlavaNetwork) -> dict[str, mx.array]:
    """Weights under llava-hf's names. CLIP's unused last norm is written too: loaders expect it."""
    weights: dict[str, mx.array] = {}
    parameters: Any = tree_flatten(network.parameters())
    for name, value in parameters:
        if name.startswith("vision_tower."):
            name = "vision_tower.vision_model." + name.removeprefix("vision_tower.")
        weights[name] = value.transpose(0, 3, 1, 2) if value.ndim == 4 else value
    width = CONFIG["vision_config"]["hidden_size"]
    norm = "vision_tower.vision_model.post_layernorm"
    weights |= {f"{norm}.weight": mx.ones((width,)), f"{norm}.bias": mx.zeros((width,))}
    return {name: mx.contiguous(value.astype(mx.float32)) for name, value in weights.items()}
