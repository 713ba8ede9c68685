"""The C library's heap."""

__all__ = ["keep_freed_memory"]

#: Octets. glibc takes twice as much for what it keeps: more than some dozens of messages of 100 KiB, less than anybody
#: would miss.
_SIZE = 2 << 20


def keep_freed_memory() -> None:
    """Have glibc keep a few freed mebibytes for the next allocations instead of giving them back to the kernel.

    A server frees and needs again large pieces all the time. By default glibc returns every 128 KiB that become free at
    the end of the heap, and takes pieces above that from the kernel one by one: each time the kernel clears the pages
    again, which costs more than to copy a message. But glibc learns (``mallopt(3)``, *M_MMAP_THRESHOLD*): when a piece
    that came from the kernel is freed, pieces of that size come from the heap from then on, and twice as much is kept.

    So one piece is allocated and freed; its pages are never touched. It does nothing where
    ``MALLOC_TRIM_THRESHOLD_`` or ``MALLOC_MMAP_THRESHOLD_`` is set, or under another C library.
    """
    bytes(_SIZE)
