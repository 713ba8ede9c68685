"""HTTP/1.1 without I/O: octets to values and values to octets (RFC 9110, RFC 9112).

Nothing here knows a socket, a clock, a logger or an event loop; a test imports the package with all of them blocked.
Each rule stands once, in its plain form, with the section that it comes from:

=================  ==============================================================================
:mod:`.abnf`       the grammar, patterns named as in the RFCs
:mod:`.head`       request line and field section of a message
:mod:`.framing`    where a message ends, whether the connection lives on, Host, Expect
:mod:`.chunked`    the chunked transfer coding, both ways
:mod:`.trailers`   which fields may stand behind a body
:mod:`.ordinary`   heads of octets that may be sent as they are
:mod:`.serializer` heads that we write, and what a head that a handler wrote says of its body
:mod:`.raw`        reading along with a response that a handler frames itself
:mod:`.states`     the two state machines of a connection, as one table
:mod:`.errors`     who is at fault, and which status tells them
=================  ==============================================================================
"""
