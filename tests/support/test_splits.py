from tests.support.splits import every_split


def test_every_split_of_three_octets() -> None:
    assert list(every_split(b"abc")) == [[b"abc"], [b"a", b"bc"], [b"ab", b"c"], [b"a", b"b", b"c"]]


def test_every_split_keeps_the_octets() -> None:
    data = bytes(range(20))
    assert all(b"".join(pieces) == data for pieces in every_split(data))
    assert len(list(every_split(data))) == 1 + 19 + 1
