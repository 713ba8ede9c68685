"""What is promised of any octets at all: each module has ``check(data)``, which raises if a promise is broken.

``WORDS`` are octets that a fuzzer would take long to find, ``SEEDS`` inputs to begin with. ``check`` is a function of
its input alone: where it cuts the octets follows from them.
"""
