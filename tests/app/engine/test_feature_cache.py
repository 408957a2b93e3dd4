import mlx.core as mx

from app.engine.feature_cache import FeatureCache


def features(value: float) -> mx.array:
    return mx.full((4, 8), value)  # 128 bytes


def test_it_gives_back_what_was_put_under_a_digest() -> None:
    cache = FeatureCache(1000)
    cache.put("a", features(1))
    found = cache.get("a")
    assert found is not None
    assert mx.array_equal(found, features(1))
    assert "a" in cache
    assert "b" not in cache
    assert cache.get("b") is None


def test_what_was_not_used_for_longest_goes_first() -> None:
    cache = FeatureCache(3 * 128)
    for digest in "abc":
        cache.put(digest, features(1))
    cache.get("a")
    cache.put("d", features(1))
    assert [digest in cache for digest in "abcd"] == [True, False, True, True]
    assert cache.nbytes == 3 * 128


def test_the_newest_stays_however_large() -> None:
    cache = FeatureCache(100)
    cache.put("a", features(1))
    cache.put("b", features(1))
    assert "b" in cache
    assert len(cache) == 1


def test_putting_the_same_picture_twice_counts_once() -> None:
    cache = FeatureCache(1000)
    cache.put("a", features(1))
    cache.put("a", features(1))
    assert cache.nbytes == 128
    cache.clear()
    assert (len(cache), cache.nbytes) == (0, 0)
