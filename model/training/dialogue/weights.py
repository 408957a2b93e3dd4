"""How often each kind of question is asked, stage by stage."""

WEIGHTS: dict[str, float] = {
    "describe": 10, "detail": 4, "count": 6, "count_kind": 11, "count_colors": 2, "count_them": 3,
    "color_of": 9, "shape_of": 7, "which_is": 5, "exists": 9, "is_color": 5, "is_shape": 3, "is_count": 3,
    "where": 8, "what_at": 7, "anything_at": 2, "relation": 10, "anything_related": 2, "is_relation": 6, "relative": 2,
    "which_further": 3, "colors": 5, "extreme": 2, "background": 1, "and_it": 3,
    "count_not": 1.5, "is_at": 3, "is_bigger": 2, "same": 1.5, "sure": 0.8, "ok": 0.6,
    "hello": 0.6, "thanks": 0.8, "bye": 0.4, "who": 0.9, "can": 0.9, "cannot": 0.5, "load": 0.4, "beyond": 5,
}  # fmt: skip
# Once it sees, practice goes to what it finds hard: searching, comparing places.
INSTRUCT_WEIGHTS = WEIGHTS | {
    "describe": 9, "detail": 5, "count_kind": 12, "exists": 12, "where": 9, "what_at": 10, "relation": 15,
    "is_relation": 9, "relative": 3, "which_further": 3, "and_it": 4, "beyond": 3,
}  # fmt: skip
# Comparing two places comes last of all: the polish is mostly that.
POLISH_WEIGHTS = INSTRUCT_WEIGHTS | {
    "describe": 12, "count": 12, "color_of": 6, "shape_of": 5, "which_is": 4, "where": 13, "what_at": 10,
    "relation": 28, "anything_related": 3, "is_relation": 14, "relative": 6, "which_further": 6, "hello": 2, "thanks": 1.5, "bye": 1,
    "who": 1.2, "can": 1.2, "cannot": 0.8, "load": 0.6, "beyond": 5,
}  # fmt: skip
