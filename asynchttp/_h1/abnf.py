"""The grammar of HTTP/1.1, patterns named as in the ABNF of RFC 9110, RFC 9112 and RFC 3986.

All patterns are for ``bytes``. Repetitions without a bound are possessive (``++``, ``*+``), so none of them can
backtrack: each costs time linear in what it looks at, whatever a peer sends.
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

#: RFC 9112 §2.2: at least one empty line before a request is ignored, for clients that add one to a body. A few more
#: are, with a bound, so that nobody makes us skip the same lines again and again.
empty_lines: Final = rb"(?:\r\n){0,8}+"

#: RFC 9112 §3 request-line up to the dot of the version. What follows, from the minor version on, is the *tail*.
request_line: Final = rb"(" + token + rb") (" + request_target + rb") HTTP/1\.(?=[0-9]\r\n)"

#: RFC 9112 §4 status-line; laxly without the space that should stand before a missing reason phrase, too.
status_line: Final = rb"HTTP/1\.([0-9]) ([1-9][0-9]{2})(?: " + field_value + rb")?+\r\n"

#: RFC 9112 §2.1, from the minor version through the empty line: what :func:`.head.parse_tail` takes.
tail: Final = rb"[0-9]\r\n(?:" + field_line + rb")*+\r\n"

#: RFC 9112 §6.1, §6.3: one or more digits. 19 digits stay below 2**64.
content_length: Final = rb"[0-9]{1,19}"

#: RFC 3986 §2.2, §2.3 unreserved and sub-delims, as the inside of a character class. A comma is legal there and
#: left out all the same: it is how two joined Host fields look.
reg_char: Final = rb"A-Za-z0-9\-._~!$&'()*+;="

#: RFC 3986 §3.2.2 reg-name; each IPv4address is one too. It may be empty.
reg_name: Final = rb"[" + reg_char + rb"]*+(?:%[0-9A-Fa-f]{2}[" + reg_char + rb"]*+)*+"

#: RFC 3986 §3.2.2 IPv6address, alternative by alternative.
dec_octet: Final = rb"(?:25[0-5]|2[0-4][0-9]|1[0-9]{2}|[1-9]?[0-9])"
ipv4_address: Final = dec_octet + rb"(?:\." + dec_octet + rb"){3}"
h16: Final = rb"[0-9A-Fa-f]{1,4}"
ls32: Final = rb"(?:" + h16 + rb":" + h16 + rb"|" + ipv4_address + rb")"
ipv6_address: Final = b"|".join(
    (
        rb"(?:%b:){6}%b" % (h16, ls32),
        rb"::(?:%b:){5}%b" % (h16, ls32),
        *(rb"(?:(?:%b:){0,%d}%b)?::(?:%b:){%d}%b" % (h16, n, h16, h16, 4 - n, ls32) for n in range(5)),
        rb"(?:(?:%b:){0,5}%b)?::%b" % (h16, h16, h16),
        rb"(?:(?:%b:){0,6}%b)?::" % (h16, h16),
    )
)

#: RFC 3986 §3.2.2 IP-literal; IPvFuture has no future yet, and costs nothing.
ip_literal: Final = rb"\[(?:" + ipv6_address + rb"|[vV][0-9A-Fa-f]++\.[" + reg_char + rb":]++)\]"

#: RFC 9110 §7.2: uri-host, and a port of at most five digits. One of the two alone is no port: §4.2.1 wants a URI that
#: has no host to be refused, and the Host of a request is a part of its URI. Looked back for, where there is a colon.
host: Final = rb"(?:" + ip_literal + rb"|" + reg_name + rb")(?::(?<=[^\t :]:)[0-9]{0,5})?+"

#: RFC 9110 §5.6.3 BWS: whitespace that MUST be parsed and MUST NOT be sent.
bws: Final = rb"[ \t]*+"

#: RFC 9112 §7.1.1 chunk-ext: whitespace only before and behind ";" and "=". None may stand between size and CRLF.
_chunk_ext: Final = (
    rb"(?:%b;%b"
    + token
    + rb"(?:%b=%b(?:"
    + token
    + rb'|"(?:[\t\x20!\x23-\x5b\x5d-\x7e\x80-\xff]|\\[\t\x20-\x7e\x80-\xff])*+"))?+)*+'
)
chunk_ext: Final = _chunk_ext.replace(b"%b", bws)

#: RFC 9112 §7.1 chunk-size with chunk-ext. Sixteen digits hold any 64-bit number.
chunk_header: Final = rb"([0-9A-Fa-f]{1,16})(" + chunk_ext + rb")\r\n"

#: The fields that decide about framing and connection. Their first letters come first, so that the other fields are
#: passed over at one glance.
framing_name: Final = rb"(?=[CEHTceht])(?i:host|content-length|transfer-encoding|connection|expect)"

#: A field line that says nothing of them.
plain_line: Final = rb"(?!" + framing_name + rb":)" + field_line

#: The tail of an ordinary request: HTTP/1.1 with one Host, and behind it at most ``Connection: keep-alive``, which is
#: the default (RFC 9112 §9.3), and one Content-Length. Its groups are the values of Host and Content-Length. Whatever
#: it matches, ``tail`` matches too.
ordinary_tail: Final = (
    rb"1\r\n(?:%b)*+[Hh][Oo][Ss][Tt]:[ \t]*+(%b)[ \t]*+\r\n(?:%b)*+"
    rb"(?:[Cc]onnection:[ \t]*+[Kk]eep-[Aa]live[ \t]*+\r\n(?:%b)*+)?+"
    rb"(?:[Cc]ontent-[Ll]ength:[ \t]*+(%b)[ \t]*+\r\n(?:%b)*+)?+\r\n"
) % (plain_line, host, plain_line, plain_line, content_length, plain_line)

REQUEST_LINE: Final = re.compile(request_line)
STATUS_LINE: Final = re.compile(status_line)
EMPTY_LINES: Final = re.compile(empty_lines)
TAIL: Final = re.compile(tail)
ORDINARY_TAIL: Final = re.compile(ordinary_tail)
FIELD_LINES: Final = re.compile(rb"(?:" + field_line + rb")*+\r\n")
FIELD_BLOCK: Final = re.compile(rb"(?:" + field_line + rb")*+")
FIELD_LINE: Final = re.compile(rb"(" + token + rb"):[ \t]*+(" + field_value + rb")\r\n")
TOKEN: Final = re.compile(token)
FIELD_VALUE: Final = re.compile(field_value)
HOST: Final = re.compile(host)
CONTENT_LENGTH: Final = re.compile(content_length)
CHUNK_HEADER: Final = re.compile(chunk_header)
#: Chunk extensions as they may be generated.
SENT_CHUNK_EXT: Final = re.compile(_chunk_ext.replace(b"%b", b""))

#: The values of a field that we write: the same octets, as text (ISO 8859-1).
FIELD_VALUE_TEXT: Final = re.compile(field_value.decode("latin-1"))
TOKEN_TEXT: Final = re.compile(token.decode("latin-1"))

#: The fields that decide about framing and connection, with their values; each begins behind a line's CRLF.
FRAMING_FIELDS: Final = re.compile(rb"\r\n(" + framing_name + rb"):[ \t]*+([^\r]*+)")

#: A line end that isn't CRLF: a LF without its CR, or a CR without its LF (which may still be on its way).
BARE_LINE_END: Final = re.compile(rb"(?<!\r)\n|\r(?=[^\n])")

#: The first line of a head that a very old client sends, with empty lines before it: up to its bare LF, or as far as it
#: came.
BARE_LF_LINE: Final = re.compile(rb"\n{0,8}+([^\r\n]*+)(\n?+)")
