"""Names of tensors, from every layout that LLaVA checkpoints come in to the network's own.

    layout               language model                vision tower and projector
    LLaVA's own code     model.layers, lm_head         model.vision_tower.vision_tower
                                                       .vision_model, model.mm_projector
    transformers 4       language_model.model,         vision_tower.vision_model,
                         language_model.lm_head        multi_modal_projector
    transformers 4.52+   model.language_model,         model. and then as 4
                         lm_head
    transformers 5       as 4                          vision_tower, multi_modal_projector
    transformers 5, its  as 4.52                       model. and then as 5
    own names

The network's own are those of transformers 5.
"""

import re

# Buffers, and the towers' last layer norm and pooling head, which no LLaVA reads.
_UNUSED = re.compile(
    r"rotary_emb\.inv_freq$|\.position_ids$|^vision_tower\.post_layernorm\.(weight|bias)$"
    r"|^vision_tower\.head\."
)
# Applied in order, each once.
_RENAMINGS = [
    (re.compile(pattern), replacement)
    for pattern, replacement in (
        (r"^model\.(?=(language_model|vision_tower|multi_modal_projector|mm_projector)\.)", ""),
        (r"^model\.(?=image_newline$)", ""),
        (r"^mm_projector\.clip_layernorm\.", "multi_modal_projector.projector_layernorm."),
        (r"^mm_projector\.final_linear\.", "mm_projector."),
        (r"^mm_projector\.0\.", "multi_modal_projector.linear_1."),
        (r"^mm_projector\.2\.", "multi_modal_projector.linear_2."),
        (r"^mm_projector\.(?=weight$|bias$)", "multi_modal_projector.linear."),
        (r"^vision_tower\.vision_tower\.", "vision_tower."),
        (r"^vision_tower\.vision_model\.", "vision_tower."),
        (r"^(?=(lm_head|model)\.)", "language_model."),
        (r"^language_model\.(?!(model|lm_head)\.)", "language_model.model."),
    )
]


def our_name(name: str) -> str | None:
    """The network's name of a checkpoint's tensor, or None for one that is not needed."""
    for pattern, replacement in _RENAMINGS:
        name = pattern.sub(replacement, name, count=1)
    return None if _UNUSED.search(name) else name
