"""The grammar of HTTP/1.1, patterns named as in the ABNF of RFC 9110, RFC 9112 and RFC 3986.

All patterns are for ``bytes``. Repetitions are possessive (``++``, ``*+``), so none of them can backtrack: each costs
time linear in what it looks at, whatever a peer sends.
"""

import re
from typing import Final

#: RFC 9110 §5.6.2 tchar, as the inside of a character class.
tchar: Final = rb"!#$%&'*+\-.^_`|~0-9A-Za-z"

#: RFC 9110 §5.6.2
token: Final = rb"[" + tchar + rb"]++"

#: RFC 9110 §5.5 field-value with the OWS around it: HTAB, SP, VCHAR, obs-text. NUL, CR, LF, DEL and controls are out.
field_value: Final = rb"[\t\x20-\x7e\x80-\xff]*+"

#: RFC 9112 §5 field-line. No obs-fold, and no whitespace before the colon (§5.1, §5.2: a server MUST reject these).
field_line: Final = token + rb":" + field_value + rb"\r\n"

#: RFC 9112 §3.2 request-target, before its form is looked at: visible ASCII. A fragment is never sent (RFC 9110 §7.1).
request_target: Final = rb"[\x21\x22\x24-\x7e]++"

#: RFC 9112 §3 request-line up to the dot of the version. What follows, from the minor version on, is the *tail*.
request_line: Final = rb"(" + token + rb") (" + request_target + rb") HTTP/1\.(?=[0-9]\r\n)"

#: RFC 9112 §2.1, from the minor version through the empty line: what :func:`.head.parse_tail` takes.
tail: Final = rb"[0-9]\r\n(?:" + field_line + rb")*+\r\n"

#: RFC 9112 §6.1, §6.3: one or more digits. 19 digits stay below 2**64.
content_length: Final = rb"[0-9]{1,19}"

#: RFC 3986 §3.2.2 reg-name and IPv4address, or IP-literal; RFC 9110 §7.2 adds the port.
#: A comma is legal in a reg-name and refused all the same: it is how two joined Host fields look.
host: Final = rb"(?:\[[0-9A-Fa-fv:.]++\]|[A-Za-z0-9\-._~%!$&'()*+;=]*+)(?::[0-9]{0,5})?"

#: RFC 9112 §7.1 chunk-size with chunk-ext. Sixteen digits hold any 64-bit number.
#: BWS around an extension is accepted by the RFC for history's sake and refused here: only attackers send it.
chunk_ext: Final = (
    rb"(?:;"
    + token
    + rb"(?:=(?:"
    + token
    + rb'|"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"))?+)*+'
)
chunk_header: Final = rb"([0-9A-Fa-f]{1,16})(" + chunk_ext + rb")\r\n"

REQUEST_LINE: Final = re.compile(request_line)
TAIL: Final = re.compile(tail)
FIELD_LINES: Final = re.compile(rb"(?:" + field_line + rb")*+\r\n")
FIELD_LINE: Final = re.compile(rb"(" + token + rb"):[ \t]*+(" + field_value + rb")\r\n")
TOKEN: Final = re.compile(token)
HOST: Final = re.compile(host)
CONTENT_LENGTH: Final = re.compile(content_length)
CHUNK_HEADER: Final = re.compile(chunk_header)

#: The values of a field that we write: the same octets, as text (ISO 8859-1).
FIELD_VALUE_TEXT: Final = re.compile(field_value.decode("latin-1"))
TOKEN_TEXT: Final = re.compile(token.decode("latin-1"))

#: The fields that decide about framing and connection, with their values; each begins behind a line's CRLF.
FRAMING_FIELDS: Final = re.compile(
    rb"\r\n(?i:(host|content-length|transfer-encoding|connection|expect)):[ \t]*+([^\r]*+)"
)

#: A line end that isn't CRLF: a LF without its CR, or a CR without its LF (which may still be on its way).
BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")
