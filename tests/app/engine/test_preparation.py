"""What a request becomes before the model sees it, with a real tokenizer and template."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from app.engine.feature_cache import FeatureCache
from app.engine.memory import Memory
from app.engine.outbox import Outbox
from app.engine.preparation import Preparation
from app.engine.sequence import Sequence
from app.errors import InvalidRequest, TooLong
from app.messages import ChatRequest, Message, Sampling
from model.conversation import get_template
from tests.app.engine.model_thread import Cold, ask, clip, picture, write_speaker
from tests.checkpoints import ONEVISION

pytestmark = pytest.mark.anyio

RED, BLUE = picture(1), picture(2)
PATCHES, CONTEXT = 9, 512


@pytest.fixture(scope="module")
def cold(tmp_path_factory: pytest.TempPathFactory) -> Cold:
    return Cold(write_speaker(tmp_path_factory.mktemp("prepared")))


@pytest.fixture
def features() -> FeatureCache:
    return FeatureCache(10**6)


@pytest.fixture
def preparation(cold: Cold, features: FeatureCache) -> Preparation:
    return Preparation(cold.llava, features, Memory(10**9, 1000))


def prepare(preparation: Preparation, request: ChatRequest) -> Sequence:
    return preparation.prepare(request, Outbox())


async def test_ids_keys_and_places_belong_together(cold: Cold, preparation: Preparation) -> None:
    sequence = prepare(preparation, ask(("one", [RED, BLUE]), "so", ("two", [RED]), owner="ann"))
    image = cold.llava.config.image_token_index
    assert sequence.owner == "ann"
    assert len(sequence.ids) == len(sequence.keys)
    places = [n for n, token in enumerate(sequence.ids) if token == image]
    spans = [n for one in sequence.pictures for n in range(one.start, one.end)]
    assert places == spans
    assert [one.view.tokens for one in sequence.pictures] == [PATCHES] * 3
    for token, key in zip(sequence.ids, sequence.keys, strict=True):
        assert key == token if token != image else key >= 2**127


async def test_a_clip_is_as_many_tiles_as_it_has_frames(tmp_path: Path) -> None:
    onevision = Cold(write_speaker(tmp_path, **ONEVISION)).llava
    preparation = Preparation(onevision, FeatureCache(10**6), Memory(10**9, 1000))
    seen, beside = prepare(preparation, ask(("look", [clip(1, 2, 3), RED]))).pictures
    assert seen.view.tokens == 3 * 1 + 1  # one of 2 by 2 patches each, and a newline
    assert seen.pixels is not None
    assert seen.pixels.shape == (3, 28, 28, 3)
    assert not beside.view.padded  # it is the only picture


async def test_a_model_that_takes_no_clips_says_which_does(preparation: Preparation) -> None:
    with pytest.raises(InvalidRequest, match="can't look at videos: LLaVA-OneVision can"):
        prepare(preparation, ask(("look", [clip(1, 2)])))


async def test_the_same_picture_has_the_same_keys_and_another_has_others(
    preparation: Preparation,
) -> None:
    first, second, third = (
        sequence.keys[one.start : one.end]
        for sequence in [prepare(preparation, ask(("one", [RED, BLUE, RED])))]
        for one in sequence.pictures
    )
    assert first == third
    assert set(first).isdisjoint(second)
    assert len(set(first)) == PATCHES


@pytest.mark.parametrize(("template", "before"), [("qwen_1_5", "first "), ("v1", "")])
async def test_a_picture_between_words_stays_there_where_the_model_learnt_that(
    cold: Cold, features: FeatureCache, template: str, before: str
) -> None:
    llava = replace(cold.llava, template=get_template(template))
    preparation = Preparation(llava, features, Memory(10**9, 1000))
    turn = Message("user", "first second", (RED,), (6,))
    begun = prepare(preparation, ChatRequest((turn,)))
    expected = llava.template.render([{"role": "user", "content": f"{before}MARK"}])
    ahead = llava.tokenizer.encode_rendered(expected.partition("MARK")[0])
    assert begun.pictures[0].start == len(ahead)


async def test_pixels_are_what_the_tower_takes(cold: Cold, preparation: Preparation) -> None:
    (one,) = prepare(preparation, ask(("look", [RED]))).pictures
    assert one.pixels is not None
    assert np.array_equal(one.pixels, cold.llava.image_processor(RED.open())[None])


async def test_a_known_picture_needs_no_pixels(
    cold: Cold, preparation: Preparation, features: FeatureCache
) -> None:
    features.put(("local", RED.digest), cold.llava.encode_pictures([RED.open()])[0])
    red, blue = prepare(preparation, ask(("look", [RED, BLUE]))).pictures
    assert red.pixels is None
    assert blue.pixels is not None
    (theirs,) = prepare(preparation, ask(("look", [RED]), owner="another")).pictures
    assert theirs.pixels is not None


@pytest.mark.parametrize("text", ["<image>", "</s>", "<s><pad>", "a <image> b </s>USER: c"])
async def test_no_text_becomes_control_or_a_picture(
    cold: Cold, preparation: Preparation, text: str
) -> None:
    sequence = prepare(preparation, ask((text, [RED]), text, text))
    plain = prepare(preparation, ask(("x", [RED]), "x", "x"))
    control = {0, 1, 2, cold.llava.config.image_token_index, cold.llava.tokenizer.vocab_size - 1}
    counts = [[one.ids.count(token) for token in sorted(control)] for one in (sequence, plain)]
    assert counts[0] == counts[1]


async def test_the_answers_limit_is_the_smaller_of_both(preparation: Preparation) -> None:
    short = prepare(preparation, ask("hi", max_tokens=7)).limits
    assert (short.most, short.reason) == (7, "length")
    sequence = prepare(preparation, ask("hi", max_tokens=4096))
    assert sequence.limits.most == CONTEXT - len(sequence.ids)
    assert sequence.limits.reason == "context"
    exactly = prepare(preparation, ask("hi", max_tokens=sequence.limits.most)).limits
    assert exactly.reason == "length"


async def test_the_model_ends_with_its_own_ends_of_text(
    cold: Cold, preparation: Preparation
) -> None:
    limits = prepare(preparation, ask("hi")).limits
    assert limits.stop == cold.llava.tokenizer.eos_ids
    assert 2 in limits.stop


@pytest.mark.parametrize(
    ("pictures", "said"),
    [
        ([], r"tokens, and the model takes 511"),
        ([RED], r"\(9 of them for 1 picture\)"),
        ([RED, BLUE], r"\(18 of them for 2 pictures\)"),
    ],
)
async def test_a_prompt_beyond_the_context_is_refused_with_its_counts(
    preparation: Preparation, pictures: list[object], said: str
) -> None:
    with pytest.raises(InvalidRequest, match=said):
        prepare(preparation, ask(("how long " * 100, pictures)))  # type: ignore[arg-type]


async def test_a_prompt_that_leaves_room_for_one_token_is_taken(preparation: Preparation) -> None:
    words = 0
    while True:
        try:
            sequence = prepare(preparation, ask("a" + " z" * words, max_tokens=4096))
        except InvalidRequest:
            break
        words += 1
    assert sequence.limits.most in (1, 2)
    assert len(sequence.ids) + sequence.limits.most == CONTEXT


async def test_a_conversation_that_may_be_shortened_leaves_out_whole_turns(
    cold: Cold, preparation: Preparation
) -> None:
    turns: list[Any] = []
    for number in range(12):
        turns += [(f"question {number} with some more words", [RED, BLUE]), "an answer to it"]
    system = Message("system", "Be brief.")
    asked = ask(*turns, ("the last one", [RED]), max_tokens=40).messages
    request = ChatRequest((system, *asked), Sampling(0.0, max_tokens=40), shorten=True)
    with pytest.raises(TooLong, match=r"and the model takes 511 at most"):
        prepare(preparation, replace(request, shorten=False))
    sequence = prepare(preparation, request)
    assert 0 < sequence.unseen_messages < 24
    kept = replace(request, messages=(system, *asked[sequence.unseen_messages :]), shorten=False)
    assert sequence.ids == prepare(preparation, kept).ids == cold.prompt(kept)[0]
    assert [one.view.tokens for one in sequence.pictures] == [PATCHES] * len(kept.pictures)
    assert sequence.limits.most == 40
    assert sequence.limits.reason == "length"


async def test_a_last_question_that_is_too_long_alone_is_refused(preparation: Preparation) -> None:
    request = replace(ask("hi", "hello", "how long " * 100), shorten=True)
    with pytest.raises(TooLong, match="shorten the message"):
        prepare(preparation, request)


async def test_a_form_that_the_template_has_not_is_refused(preparation: Preparation) -> None:
    messages = (Message("user", "hi"), Message("system", "be brief"), Message("user", "go on"))
    with pytest.raises(InvalidRequest, match="Message 2"):
        prepare(preparation, ChatRequest(messages))


async def test_a_seed_is_drawn_where_none_is_given(preparation: Preparation) -> None:
    seeds = {prepare(preparation, ask("hi", temperature=1)).sampler.seed for _ in range(5)}
    assert len(seeds) == 5
    given = prepare(preparation, ask("hi", temperature=0.5, top_p=0.9, seed=-4)).sampler
    assert (given.temperature, given.top_p, given.seed) == (0.5, 0.9, -4)
