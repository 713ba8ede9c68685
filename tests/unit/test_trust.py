"""Lists of addresses and networks."""

import pytest

from asynchttp._trust import AddressList


@pytest.mark.parametrize(
    ("entry", "inside", "outside"),
    [
        ("10.0.0.0/8", ["10.0.0.1", "10.255.255.255", "::ffff:10.0.0.1"], ["11.0.0.0", "9.255.255.255", "::a00:1", ""]),
        ("127.0.0.1", ["127.0.0.1", "::ffff:127.0.0.1"], ["127.0.0.2", "::1"]),
        ("fd00::/8", ["fd00::1", "FD12::"], ["fe80::1", "253.0.0.1"]),
        ("::1", ["::1", "0:0:0:0:0:0:0:1"], ["::2"]),
        ("0.0.0.0/0", ["1.2.3.4", "::ffff:1.2.3.4"], ["::1", "unknown"]),
        ("*", ["1.2.3.4", "::1", "unknown", ""], []),
        ("proxy", ["proxy"], ["1.2.3.4", "Proxy"]),
    ],
)
def test_entry(entry: str, inside: list[str], outside: list[str]) -> None:
    addresses = AddressList([entry])
    assert [ip for ip in inside if ip not in addresses] == []
    assert [ip for ip in outside if ip in addresses] == []


def test_empty_list_has_nobody() -> None:
    assert "127.0.0.1" not in AddressList()
    assert not AddressList()


@pytest.mark.parametrize("entry", ["10.0.0.1/8", "10.0.0", "localhost", "", "10.0.0.0/33", "fe80::1%eth0/64", "**"])
def test_checked_refuses_what_is_none(entry: str) -> None:
    with pytest.raises(ValueError, match="is not an address, a network, or"):
        AddressList.checked(["127.0.0.1", entry])


def test_compares_with_a_set() -> None:
    assert AddressList(["::1", "*"]) == {"*", "::1"}
    assert set(AddressList(["::1"])) == {"::1"}
