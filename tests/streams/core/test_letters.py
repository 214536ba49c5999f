"""A dead letter always fits its topic, and says what was cut off it."""

from hypothesis import given
from hypothesis import strategies as st

from schemas.dead_letters import PREFIX, DeadLetter, headers
from streams.core.letters import CUT_HEADER, MOST_LETTER_BYTES, Letter, fitted

REFUSED = DeadLetter(stage="DECODE", failure="undecodable", reason="expected a JSON object, got 10 MB of x")
MB = 1 << 20


def letter(key: bytes | None, value: bytes | None, original: list | None = None) -> Letter:
    return Letter(key, value, headers(REFUSED, original or [], "shop.events.click.v1", 3, 17, "kairos"))


def test_what_fits_stays_as_it_came():
    came = letter(b"ann", b"x" * 900_000, [("trace", b"1"), ("nothing", None)])

    assert fitted(came, MOST_LETTER_BYTES) is came


def test_a_large_value_is_cut_at_its_end_and_the_letter_says_so_and_where_the_whole_is():
    cut = fitted(letter(b"ann", b"x" * (10 * MB), [("trace", b"1")]), MOST_LETTER_BYTES)

    told = dict(cut.headers)
    assert cut.key == b"ann"
    assert 900_000 < len(cut.value or b"") < MOST_LETTER_BYTES
    assert told[CUT_HEADER] == (
        b"cut: the original has 3 bytes of key, 10485760 of value, 1 headers; read it at the coordinate"
    )
    assert (told[PREFIX + "topic"], told[PREFIX + "partition"], told[PREFIX + "offset"]) == (
        b"shop.events.click.v1",
        b"3",
        b"17",
    )
    assert "trace" not in told


def test_huge_headers_go_before_the_value_is_touched():
    cut = fitted(letter(b"ann", b"{}", [("big", b"h" * (10 * MB))] * 2), MOST_LETTER_BYTES)

    assert (cut.key, cut.value) == (b"ann", b"{}")
    assert b"2 headers" in dict(cut.headers)[CUT_HEADER]


@given(
    key=st.one_of(st.none(), st.integers(0, 3_000)),
    value=st.one_of(st.none(), st.integers(0, 3_000)),
    sizes=st.lists(st.integers(0, 400), max_size=20),
)
def test_whatever_came_it_fits_and_keeps_the_reason(key, value, sizes):
    original = [(f"h{number}", b"h" * size) for number, size in enumerate(sizes)]

    kept = fitted(letter(_bytes(key), _bytes(value), original), 2_000)

    size = len(kept.key or b"") + len(kept.value or b"") + sum(len(name) + len(text) for name, text in kept.headers)
    assert size <= 2_000
    assert dict(kept.headers)[PREFIX + "exception.message"] == REFUSED.reason.encode()
    assert (kept.key is None, kept.value is None) == (key is None, value is None)


def _bytes(size: int | None) -> bytes | None:
    return None if size is None else b"b" * size
