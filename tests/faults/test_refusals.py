"""Requests that are refused: each by its own status, which a client that is still sending sees, and counted once."""

import gzip
import sys

import pytest

from tests.faults.kit import get, start_lone, stats_of, wait_until

pytestmark = [
    pytest.mark.asyncio(loop_factories=["asyncio"]),  # of the clients; the server has both
    pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc"),
]

LIMITS = {"max_body_size": 100_000, "max_header_size": 8192, "max_header_count": 50, "decompress_request": True}


def post(*fields: str, body: bytes = b"") -> bytes:
    return "\r\n".join(["POST /sum HTTP/1.1", "Host: test", *fields, "", ""]).encode() + body


CHUNKED = post("Transfer-Encoding: chunked")
BOMB = gzip.compress(bytes(1_000_000))

#: Octets of a client, the status of the answer, and the code of the reason. As much as may come behind the answer.
REFUSED = [
    (post("Content-Length: 200000", body=bytes(200_000)), 413, "body_too_large"),
    (CHUNKED + b"8000\r\n%b\r\n" % bytes(0x8000) * 8, 413, "body_too_large"),
    (post("Content-Encoding: gzip", f"Content-Length: {len(BOMB)}", body=BOMB), 413, "body_too_large"),
    (get("/", "X: " + "y" * 200_000), 431, "head_too_large"),
    (get("/", *["a: b"] * 1000), 431, "too_many_fields"),
    (get("/" + "z" * 200_000), 414, "target_too_long"),
    (b"GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n" + bytes(200_000), 400, "host_repeated"),
    (post("Content-Length: 5", "Transfer-Encoding: chunked", body=bytes(200_000)), 400, "length_and_coding"),
    (CHUNKED + b"zebra\r\n" + bytes(200_000), 400, "chunk"),
    (post("Transfer-Encoding: zebra, chunked", body=bytes(200_000)), 501, "coding_unsupported"),
    (b"GET / HTTP/2.0\r\nHost: test\r\n\r\n" + bytes(200_000), 505, "version_unsupported"),
]


async def test_each_limit_answers_by_its_status_to_a_client_that_writes_first(loop_name: str) -> None:
    """And leaves one log record and one labelled count."""
    with start_lone(loop_name, server=LIMITS) as crew:
        codes = []
        for octets, status, code in REFUSED:
            before = await stats_of(crew)
            async with await crew.connect() as client:
                await client.send(octets)
                response = await client.read_response()
                assert response.status == status, code
                assert response.has_token("Connection", "close"), code
                client.shutdown_write()
                assert await client.read_to_end() == b""
                assert not client.was_reset, code
            after = await stats_of(crew)
            changed = {
                name: after[name] - before[name] for name in after if "refused" in name and after[name] != before[name]
            }
            assert changed == {f'requests_refused_total{{reason="{code}"}}': 1}
            codes.append(code)
            await wait_until(lambda: crew.process.stdout.count("record INFO ") == len(codes))
        records = [line.split()[3] for line in crew.process.stdout.splitlines() if line.startswith("record INFO ")]
        assert records == codes
