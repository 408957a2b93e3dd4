"""The prefix cache, on small arrays whose content tells where each token's values came from."""

import random

import mlx.core as mx
from mlx_lm.models.cache import KVCache

from app.engine.prefix_cache import BLOCK, PrefixCache
from model.kv_cache import Cache

LAYERS = 2
TOKEN_BYTES = LAYERS * 2 * 2 * 4  # layers, keys and values, 2 numbers each


def filled(keys: list[int], *, spare: int = 0) -> Cache:
    """A cache whose values are the keys themselves (below 2^24), with room for `spare` more."""
    cache = []
    for layer in range(LAYERS):
        numbers = mx.array([[key % 2**20, layer] for key in keys] + [[0, 0]] * spare, mx.float32)
        piece = KVCache()
        piece.keys, piece.values = numbers[None, None], -numbers[None, None]
        piece.offset = len(keys)
        cache.append(piece)
    return cache


def content(cache: Cache | None) -> list[int]:
    assert cache is not None
    pairs = [layer.keys_and_values() for layer in cache]
    for keys, values in pairs:
        assert mx.array_equal(keys, -values)
    rows = [keys[0, 0, :, 0].tolist() for keys, _ in pairs]
    assert rows[0] == rows[1]
    return [int(number) for number in rows[0]]


def numbers(seed: int, count: int) -> list[int]:
    return random.Random(seed).sample(range(2**19), count)


def test_an_empty_cache_knows_nothing() -> None:
    assert PrefixCache(10**6).fetch("a", numbers(1, 100), 99) == (None, 0)


def test_a_continued_prompt_gets_all_that_is_known_of_it() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 101)
    prefixes.store("a", keys, filled(keys))
    cache, known = prefixes.fetch("a", [*keys, 7, 8], 102)
    assert known == 101
    assert content(cache) == keys
    assert (prefixes.hits, prefixes.reused_tokens) == (1, 101)


def test_the_last_token_is_left_to_be_read() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys))
    cache, known = prefixes.fetch("a", keys, 99)
    assert known == 99
    assert content(cache) == keys[:99]


def test_a_branch_shares_its_trunk_to_the_very_token() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 200)
    prefixes.store("a", keys, filled(keys))
    for common in (BLOCK, BLOCK + 1, 100, 127, 128, 199):
        cache, known = prefixes.fetch("a", [*keys[:common], 2**19 + 1, 5], 1000)
        assert known == common
        assert content(cache) == keys[:common]


def test_less_than_a_block_in_common_is_not_looked_for() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys))
    assert prefixes.fetch("a", [*keys[: BLOCK - 1], 2**19 + 1], 1000) == (None, 0)
    prefixes.store("a", numbers(2, BLOCK - 1), filled(numbers(2, BLOCK - 1)))
    assert len(prefixes) == 1


def test_of_several_the_longest_beginning_is_taken() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 200)
    for common in (64, 150, 90):
        branch = [*keys[:common], *numbers(common, 40)]
        prefixes.store("a", branch, filled(branch))
    cache, known = prefixes.fetch("a", keys, 199)
    assert known >= 150
    assert content(cache)[:150] == keys[:150]


def test_an_owner_gets_nothing_of_anothers() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys))
    assert prefixes.fetch("b", keys, 99) == (None, 0)
    prefixes.store("b", keys, filled(keys))
    assert len(prefixes) == 2


def test_a_picture_that_differs_in_one_key_is_another() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    keys[40] = 2**127 + 5
    prefixes.store("a", keys, filled(keys))
    other = [*keys]
    other[40] = 2**127 + 6
    assert prefixes.fetch("a", other, 99)[1] == 40
    # Python's hash of these two is the same: only a comparison tells them apart.
    other[40] = 2**127 + 5 + 3 * (2**61 - 1)
    assert hash(other[40]) == hash(keys[40])
    assert prefixes.fetch("a", other, 99) == (None, 0)


def go_on(cache: Cache | None, number: float, count: int = 5) -> None:
    assert cache is not None
    for layer in cache:
        written = mx.full((1, 1, count, 2), number)
        layer.update_and_fetch(written, -written)
        mx.eval(layer.keys, layer.values)


def test_going_on_with_a_fetched_cache_changes_no_entry() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys, spare=28))
    for length in (100, 99, 60):
        go_on(prefixes.fetch("a", [*keys, 1], length)[0], 9.0)
    assert content(prefixes.fetch("a", [*keys, 1], 100)[0]) == keys


def test_who_goes_on_with_all_of_an_entry_writes_in_its_memory_and_others_in_a_copy() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    kept = filled(keys, spare=28)
    prefixes.store("a", keys, kept)
    one, _ = prefixes.fetch("a", [*keys, 7], 100)
    other, _ = prefixes.fetch("a", [*keys, 8], 100)
    assert one is not None
    assert other is not None
    assert all(mine is entry for mine, entry in zip(one, kept, strict=True))
    for number in (7.0, 8.0):
        go_on(one, number)
        go_on(other, number + 0.5)
    assert content(one) == [*keys, *[7] * 5, *[8] * 5]
    written = other[0].keys_and_values()[0][0, 0, 100:, 0]
    assert written.tolist() == [7.5] * 5 + [8.5] * 5


def test_what_is_given_back_unchanged_is_lent_in_place_again() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    kept = filled(keys, spare=28)
    prefixes.store("a", keys, kept)
    lent, _ = prefixes.fetch("a", [*keys, 7], 100)
    go_on(lent, 7.0)
    assert lent is not None
    prefixes.store("a", keys, lent)  # whoever asked left before its words were known
    again, known = prefixes.fetch("a", [*keys, 8], 100)
    assert again is not None
    assert again[0] is kept[0]
    assert known == 100
    assert content(again) == keys


def test_an_answer_that_went_on_in_an_entry_s_memory_takes_its_place() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys, spare=28))
    lent, _ = prefixes.fetch("a", [*keys, 7], 100)
    go_on(lent, 7.0)
    assert lent is not None
    longer = [*keys, *[7] * 5]
    prefixes.store("a", longer, lent)
    assert len(prefixes) == 1
    branch, known = prefixes.fetch("a", [*keys, 9], 100)
    assert known == 100
    assert content(branch) == keys
    assert prefixes.fetch("a", [*longer, 9], 105)[1] == 105


def test_a_longer_entry_takes_the_place_of_its_beginning() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys[:50], filled(keys[:50]))
    prefixes.store("a", keys, filled(keys))
    assert len(prefixes) == 1
    prefixes.store("a", keys[:70], filled(keys[:70]))
    assert len(prefixes) == 1
    assert prefixes.nbytes == 100 * TOKEN_BYTES


def test_keys_beyond_what_the_cache_holds_are_left_out() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys[:80]))
    assert prefixes.fetch("a", keys, 99)[1] == 80


def test_what_a_cache_holds_beyond_its_keys_is_forgotten() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys[:80], filled(keys))
    cache, known = prefixes.fetch("a", keys, 99)
    assert known == 80
    assert content(cache) == keys[:80]


def test_what_was_not_used_for_longest_goes_first() -> None:
    prefixes = PrefixCache(3 * 100 * TOKEN_BYTES)
    for seed in (1, 2, 3):
        prefixes.store("a", numbers(seed, 100), filled(numbers(seed, 100)))
    prefixes.fetch("a", numbers(1, 100), 99)
    prefixes.store("a", numbers(4, 100), filled(numbers(4, 100)))
    known = [prefixes.fetch("a", numbers(seed, 100), 99)[1] for seed in (1, 2, 3, 4)]
    assert known == [99, 0, 99, 99]
    assert prefixes.nbytes <= prefixes.most_bytes


def test_an_entry_larger_than_all_is_not_kept() -> None:
    prefixes = PrefixCache(50 * TOKEN_BYTES)
    prefixes.store("a", numbers(1, 100), filled(numbers(1, 100)))
    assert (len(prefixes), prefixes.nbytes) == (0, 0)


def test_clearing_forgets_all() -> None:
    prefixes = PrefixCache(10**6)
    prefixes.store("a", numbers(1, 100), filled(numbers(1, 100)))
    prefixes.clear()
    assert (len(prefixes), prefixes.nbytes) == (0, 0)


def test_a_view_of_an_entry_that_nobody_wrote_behind_is_not_kept() -> None:
    """It would hold on to all of the entry's memory, and count for a part of it."""
    prefixes, keys = PrefixCache(10**6), numbers(1, 1000)
    prefixes.store("a", keys, filled(keys))
    cache, known = prefixes.fetch("a", [*keys[:100], -5], 100)
    assert cache is not None
    prefixes.shrink(0)
    prefixes.store("a", keys[:known], cache)
    assert len(prefixes) == 0
    for layer in cache:
        layer.update_and_fetch(mx.zeros((1, 1, 1, 2)), mx.zeros((1, 1, 1, 2)))
    prefixes.store("a", [*keys[:known], -5], cache)
    assert len(prefixes) == 1


def test_what_somebody_goes_on_with_counts_as_theirs_and_grows_with_them() -> None:
    prefixes, keys = PrefixCache(10**6), numbers(1, 100)
    prefixes.store("a", keys, filled(keys))
    cache, _ = prefixes.fetch("a", [*keys, 7], 101)
    assert cache is not None
    prefixes.in_use = [cache[0]]
    assert prefixes.nbytes == 0
    prefixes.shrink(0)
    assert len(prefixes) == 1  # to let go of it would free nothing
    for layer in cache:
        layer.update_and_fetch(mx.zeros((1, 1, 300, 2)), mx.zeros((1, 1, 300, 2)))
    prefixes.in_use = []  # a batch has copied it
    assert prefixes.nbytes >= 400 * TOKEN_BYTES
    prefixes.shrink(399 * TOKEN_BYTES)
    assert len(prefixes) == 0
