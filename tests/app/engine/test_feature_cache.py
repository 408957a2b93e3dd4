import mlx.core as mx

from app.engine.feature_cache import FeatureCache

A, B = ("ann", "a"), ("ann", "b")


def features(value: float) -> mx.array:
    return mx.full((4, 8), value)  # 128 bytes


def test_it_gives_back_what_was_put_under_a_digest() -> None:
    cache = FeatureCache(1000)
    cache.put(A, features(1))
    found = cache.get(A)
    assert found is not None
    assert mx.array_equal(found, features(1))
    assert A in cache
    assert B not in cache
    assert cache.get(B) is None


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = FeatureCache(3 * 128)
    for digest in "abc":
        cache.put(("ann", digest), features(1))
    cache.get(A)
    cache.put(("ann", "d"), features(1))
    assert [("ann", digest) in cache for digest in "abcd"] == [True, False, True, True]
    assert cache.nbytes == 3 * 128


def test_the_newest_stays_however_large() -> None:
    cache = FeatureCache(100)
    cache.put(A, features(1))
    cache.put(B, features(1))
    assert B in cache
    assert len(cache) == 1


def test_putting_the_same_picture_twice_counts_once() -> None:
    cache = FeatureCache(1000)
    cache.put(A, features(1))
    cache.put(A, features(1))
    assert cache.nbytes == 128
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)


def test_each_owner_has_their_own() -> None:
    cache = FeatureCache(1000)
    cache.put(A, features(1))
    assert ("bob", "a") not in cache
    assert cache.get(("bob", "a")) is None
    cache.put(("bob", "a"), features(1))
    assert cache.nbytes == 2 * 128
