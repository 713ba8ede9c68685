"""The files of ``examples/deploy/`` with the programs that they are for, as ordinary processes on loopback."""
