"""Tells glibc and Arrow to keep freed memory for the next object.

An object is inflated and split in buffers of some megabytes. By default glibc gives such buffers back to
the kernel as soon as they are freed, and every object pays anew for faulting its pages in: a twentieth of
all processor time of an ingest. Arrow's allocator does the same: another tenth.
"""

import ctypes

_TRIM_THRESHOLD, _MMAP_THRESHOLD = -1, -3
_KEPT_BYTES = 64 << 20
_KEPT_MS = 5_000


def keep_freed_memory() -> None:
    """Keep up to 64 MiB of freed memory; with another C library this does nothing."""
    tune = getattr(ctypes.CDLL(None), "mallopt", None)
    if tune is not None:
        tune(_MMAP_THRESHOLD, _KEPT_BYTES)
        tune(_TRIM_THRESHOLD, _KEPT_BYTES)


def keep_arrows_memory() -> None:
    """Keep what Arrow has freed for five seconds; where its allocator is not jemalloc this does nothing."""
    import pyarrow as pa  # noqa: PLC0415 - what only inflates need not wait for it

    if pa.default_memory_pool().backend_name == "jemalloc":
        pa.jemalloc_set_decay_ms(_KEPT_MS)


def give_back() -> None:
    """Give the kernel what glibc keeps, after rows so long that usual ones never need as much.

    Arrow's part goes back after its five seconds: jemalloc does nothing when it is asked to.
    """
    trim = getattr(ctypes.CDLL(None), "malloc_trim", None)
    if trim is not None:
        trim(0)
