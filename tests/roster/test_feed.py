from __future__ import annotations

from roster.feed import Feed


def test_a_feed_takes_every_record_unless_told_otherwise() -> None:
    feed = Feed("users", "raw", 0, {}, {})
    assert feed.whole
    assert feed.rows() == "true"


def test_a_feed_may_take_some_records_and_of_equal_ones_the_first() -> None:
    feed = Feed("courses", "raw", 0, {}, {}, where="c1 <> ''", once="c2")
    assert not feed.whole
    assert feed.rows() == (
        "(c1 <> '') AND rowid IN (SELECT min(rowid) FROM raw WHERE (c2) IS NOT NULL GROUP BY c2)"
    )
