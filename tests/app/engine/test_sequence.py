import pytest

from app.engine.outbox import Outbox
from app.engine.sequence import Limits, Sequence
from app.errors import EngineError
from app.messages import Delta, Event, Finished, FinishReason, Reading
from model.detokenizer import Detokenizer
from model.sampling import GREEDY

pytestmark = pytest.mark.anyio


def make(*stop: str, most: int = 10, reason: FinishReason = "length") -> Sequence:
    """A sequence whose tokens are the letters of the alphabet, 0 being the end."""

    def decode(tokens: list[int]) -> str:
        return "".join(chr(96 + token) for token in tokens)

    limits = Limits(frozenset({0}), most, reason)
    return Sequence(
        "a", (1, 2, 3), (1, 2, 3), (), GREEDY, limits, Detokenizer(decode, stop), Outbox()
    )


async def write(sequence: Sequence, *tokens: int) -> list[Event]:
    for token in tokens:
        assert not sequence.finished
        sequence.write(token)
    return [event async for event in sequence.outbox.events()]


async def test_an_end_of_text_is_no_part_of_the_answer() -> None:
    sequence = make()
    events = await write(sequence, 8, 9, 0)
    assert events[0] == Delta("hi")
    assert isinstance(events[1], Finished)
    assert events[1].reason == "stop"
    assert (events[1].usage.prompt_tokens, events[1].usage.completion_tokens) == (3, 2)
    assert sequence.tokens == [8, 9]


@pytest.mark.parametrize("reason", ["length", "context"])
async def test_the_limit_ends_it_with_its_reason(reason: FinishReason) -> None:
    events = await write(make(most=2, reason=reason), 8, 9)
    assert events[0] == Delta("hi")
    assert isinstance(events[1], Finished)
    assert events[1].reason == reason


async def test_a_stop_string_ends_it_and_never_shows() -> None:
    events = await write(make("ijk"), 8, 9, 10, 11)
    assert events[0] == Delta("h")
    assert isinstance(events[-1], Finished)
    assert events[-1].reason == "stop"


async def test_what_might_have_begun_a_stop_string_comes_out_at_the_limit() -> None:
    events = await write(make("ijk", most=3), 8, 9, 10)
    assert events[0] == Delta("hij")


async def test_reading_is_told_against_the_whole_prompt() -> None:
    sequence = make()
    sequence.read(2)
    events = await write(sequence, 0)
    assert events[0] == Reading(2, 3)


async def test_times_are_counted_from_the_start() -> None:
    sequence = make()
    sequence.started -= 5
    events = await write(sequence, 8, 9, 10, 0)
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.time_to_first_token >= 5
    assert events[-1].usage.tokens_per_second > 0


async def test_each_piece_says_what_the_answer_has_taken_until_now() -> None:
    sequence = make()
    sequence.write(8)
    sequence.write(9)
    piece = await anext(sequence.outbox.events())
    assert isinstance(piece, Delta) and piece.usage is not None
    assert (piece.usage.prompt_tokens, piece.usage.completion_tokens) == (3, 2)


async def test_one_token_has_no_speed() -> None:
    events = await write(make(), 8, 0)
    assert isinstance(events[-1], Finished)
    assert events[-1].usage.tokens_per_second == 0


async def test_a_failure_comes_after_what_was_written() -> None:
    sequence = make()
    sequence.write(8)
    sequence.fail(EngineError("broken"))
    assert sequence.finished
    events = sequence.outbox.events()
    assert await anext(events) == Delta("h")
    with pytest.raises(EngineError):
        await anext(events)
