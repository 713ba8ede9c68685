"""What RFC 9110 and RFC 9112 ask of a server, as octets; and what this server makes of them.

=====================  ==============================================================================================
``case``               :class:`Case`: octets, what the handler must have seen, what must come back, and why
``rfc9112_7_1`` …      the cases, one file per section; an id is a section and a fact: ``9112-7.1-chunk-size-plus-sign``
``catalog``            all of them
``drive``              sends a case over a raw connection and notes what happened
``judge``              compares that with what we promise (exactly), and with what the RFC allows (for any server)
``test_conformance``   our server, on both loops: each case as it stands, and once more octet by octet
``peers``              ``python -m tests.conformance.peers``: other servers on the same cases, as a table
``apps``               the same echoing application for each of them
=====================  ==============================================================================================
"""
