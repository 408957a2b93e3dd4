"""Guesses from what was said before: right places, bounds, and pauses where they fail."""

from model.prompt_lookup import LONGEST, MATCH, SHORTEST, PromptLookup


def test_what_followed_the_same_tokens_is_guessed() -> None:
    assert PromptLookup([1, 2, 3, 4, 5, 6, 7, 9, 1, 2, 3]).guess() == [4, 5, 6, 7, 9]


def test_of_several_places_the_newest_is_taken() -> None:
    assert PromptLookup([1, 2, 3, 4, 1, 2, 3, 5, 1, 2, 3]).guess()[0] == 5


def test_nothing_is_guessed_where_nothing_is_the_same() -> None:
    assert PromptLookup([1, 2, 3, 4, 5, 2, 3]).guess() == []
    assert PromptLookup([1, 2]).guess() == []
    assert PromptLookup([]).guess() == []


def test_tokens_that_come_later_are_known_too() -> None:
    lookup = PromptLookup([1, 2])
    for token in (3, 4, 5, 1, 2):
        lookup.add(token)
        assert lookup.guess() == []
    lookup.add(3)
    assert lookup.guess() == [4, 5, 1, 2, 3]


def test_a_guess_ends_before_a_picture() -> None:
    assert PromptLookup([1, 2, 3, 4, 90, 90, 5, 1, 2, 3], hidden=(90,)).guess() == [4]
    assert PromptLookup([1, 2, 3, 90, 5, 1, 2, 3], hidden=(90,)).guess() == []


def test_guesses_grow_while_they_are_right_and_shrink_when_wrong() -> None:
    words = list(range(100))
    lookup = PromptLookup([*words, *words[:MATCH]])
    lengths = []
    for right in (True, True, True, False, False, False, False):
        guessed = len(lookup.guess()) - 1
        lengths.append(guessed)
        lookup.learn(guessed, guessed if right else 1)
    assert lengths == [4, 8, LONGEST, LONGEST, 8, 4, SHORTEST]


def test_guesses_that_are_all_wrong_pause_for_longer_and_longer() -> None:
    lookup = PromptLookup([7] * 10)
    pauses = []
    for _ in range(8):
        lookup.learn(2, 0)
        pause = 0
        while not lookup.guess():
            lookup.add(7)
            pause += 1
        pauses.append(pause)
    assert pauses == [2, 4, 8, 16, 32, 64, 64, 64]
    lookup.learn(2, 1)
    lookup.learn(2, 0)
    assert not lookup.guess()
    lookup.add(7)
    lookup.add(7)
    assert lookup.guess()
