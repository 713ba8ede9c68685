"""RFC 9110 §15.6.6, 505: a server can refuse a major version."""

from tests.conformance.case import Case, Level, head, refuses

CASES: list[Case] = [
    refuses(
        f"9110-15.6.6-version-{version}",
        head(f"GET / HTTP/{version}".encode()),
        505,
        level=Level.OURS,
        why="this server speaks HTTP/1.1 and HTTP/1.0",
    )
    for version in ("2.0", "3.0", "0.9", "9.9")
]
