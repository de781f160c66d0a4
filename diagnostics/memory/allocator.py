"""What PyTorch's CUDA caching allocator holds for a trace of allocations: rounding, segments, splitting, merging, retries.

After `c10/cuda/CUDACachingAllocator.cpp` of PyTorch 2.13 with its default settings. A request is rounded to 512 B. Up to
1 MiB it is cut from segments of 2 MiB, above from segments of 20 MiB, from 10 MiB on from one of its own size rounded to
2 MiB. The smallest free block that is large enough is taken; what is left of it becomes a free block (in the large pool
only if more than 1 MiB is left); neighbours that are free are merged. Where the device is full, segments without a block
in use are given back, then it is tried once more.

Not modelled: several streams, `max_split_size_mb`, garbage collection, rounding to powers of two.
"""

from __future__ import annotations

import bisect
from array import array
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field

MIB = 2**20
ROUNDING = 512  # bytes; kMinBlockSize
SMALL = MIB  # bytes up to which a request is served from the small pool; kSmallSize
SMALL_SEGMENT = 2 * MIB  # kSmallBuffer
LARGE_SEGMENT = 20 * MIB  # kLargeBuffer
OWN_SEGMENT = 10 * MIB  # from here on a request gets a segment of its own size; kMinLargeAlloc
OWN_ROUNDING = 2 * MIB  # kRoundLarge


def rounded(size: int) -> int:
    """Bytes that the allocator takes for a request of `size` bytes."""
    return max(ROUNDING, -(-size // ROUNDING) * ROUNDING)


def segment_of(size: int) -> int:
    """Bytes of the segment that is fetched from the driver for a rounded request."""
    if size <= SMALL:
        return SMALL_SEGMENT
    return LARGE_SEGMENT if size < OWN_SEGMENT else -(-size // OWN_ROUNDING) * OWN_ROUNDING


class Trace:
    """Allocations and frees in order: one entry each, as (bytes, storage's number) and (-1, number)."""

    def __init__(self) -> None:
        self.sizes, self.numbers = array("q"), array("q")

    def __len__(self) -> int:
        return len(self.sizes)

    def __iter__(self) -> Iterator[tuple[int, int]]:
        return zip(self.sizes, self.numbers, strict=True)

    def allocate(self, size: int, number: int) -> None:
        """Note that the storage of that number was made."""
        self.sizes.append(size)
        self.numbers.append(number)

    def free(self, number: int) -> None:
        """Note that it is gone."""
        self.sizes.append(-1)
        self.numbers.append(number)


class DeviceFull(Exception):
    """A request could not be served, even after the cached segments were given back."""

    def __init__(self, wanted: int, allocated: int, reserved: int) -> None:
        super().__init__(f"Tried to allocate {wanted} bytes; {allocated} are allocated, {reserved} reserved.")
        self.wanted, self.allocated, self.reserved = wanted, allocated, reserved


@dataclass
class Block:
    """A stretch of a segment, free or in use; `before` and `after` are its neighbours in the segment."""

    address: int
    size: int
    small: bool
    before: Block | None = None
    after: Block | None = None
    free: bool = False


@dataclass
class Pool:
    """The free blocks of one pool, found by size, then address."""

    order: list[tuple[int, int]] = field(default_factory=list)
    blocks: dict[int, Block] = field(default_factory=dict)

    def add(self, block: Block) -> None:
        """Take a free block in."""
        bisect.insort(self.order, (block.size, block.address))
        self.blocks[block.address] = block

    def remove(self, block: Block) -> None:
        """Take it out again."""
        del self.order[bisect.bisect_left(self.order, (block.size, block.address))]
        del self.blocks[block.address]

    def best(self, size: int) -> Block | None:
        """The smallest free block of at least `size` bytes."""
        place = bisect.bisect_left(self.order, (size, -1))
        return self.blocks[self.order[place][1]] if place < len(self.order) else None


class CachingAllocator:
    """One device's caching allocator. `capacity`: bytes that the driver can give to it, None for no limit."""

    def __init__(self, capacity: int | None = None) -> None:
        self.capacity = capacity
        self.allocated = self.reserved = self.peak_allocated = self.peak_reserved = 0
        self.retries = 0  # how often cached segments had to be given back
        self.pools = {True: Pool(), False: Pool()}
        self.used: dict[int, Block] = {}
        self.next_address = 0

    def allocate(self, size: int, number: int) -> None:
        """Serve a request of `size` bytes for the storage of that number.

        Raises:
            DeviceFull: there is no room.
        """
        size = rounded(size)
        small = size <= SMALL
        pool = self.pools[small]
        block = pool.best(size)
        if block is None:
            block = self.fetch(size, small)
        else:
            pool.remove(block)
        left = block.size - size
        if left >= ROUNDING if small else left > SMALL:
            rest = Block(block.address + size, left, small, before=block, after=block.after, free=True)
            if block.after is not None:
                block.after.before = rest
            block.after, block.size = rest, size
            pool.add(rest)
        block.free = False
        self.used[number] = block
        self.allocated += block.size
        self.peak_allocated = max(self.peak_allocated, self.allocated)

    def fetch(self, size: int, small: bool) -> Block:
        """A new segment as one block.

        Raises:
            DeviceFull: the driver has no room for it.
        """
        segment = segment_of(size)
        if self.capacity is not None and self.reserved + segment > self.capacity:
            self.retries += 1
            self.give_back()
            if self.reserved + segment > self.capacity:
                raise DeviceFull(size, self.allocated, self.reserved)
        block = Block(self.next_address, segment, small)
        self.next_address += segment + OWN_ROUNDING  # never neighbours
        self.reserved += segment
        self.peak_reserved = max(self.peak_reserved, self.reserved)
        return block

    def free(self, number: int) -> None:
        """Take a storage's block back and merge it with free neighbours; an unknown number is none of ours."""
        block = self.used.pop(number, None)
        if block is None:
            return
        self.allocated -= block.size
        pool = self.pools[block.small]
        before, after = block.before, block.after
        if before is not None and before.free:
            pool.remove(before)
            before.size += block.size
            before.after = after
            if after is not None:
                after.before = before
            block = before
        if after is not None and after.free:
            pool.remove(after)
            block.size += after.size
            block.after = after.after
            if after.after is not None:
                after.after.before = block
        block.free = True
        pool.add(block)

    def give_back(self) -> None:
        """Return every segment without a block in use to the driver."""
        for pool in self.pools.values():
            for block in [one for one in pool.blocks.values() if one.before is None and one.after is None]:
                pool.remove(block)
                self.reserved -= block.size


@dataclass(frozen=True)
class Replay:
    """What a trace did to the allocator; bytes. `full`: the request that found no room, None if all did."""

    peak_allocated: int
    peak_reserved: int
    retries: int
    full: DeviceFull | None = None


def replay(trace: Iterable[tuple[int, int]], capacity: int | None = None) -> Replay:
    """Send a trace through an allocator of that capacity; it ends at the first request that finds no room."""
    allocator, full = CachingAllocator(capacity), None
    try:
        for size, number in trace:
            if size >= 0:
                allocator.allocate(size, number)
            else:
                allocator.free(number)
    except DeviceFull as error:
        full = error
    return Replay(allocator.peak_allocated, allocator.peak_reserved, allocator.retries, full)


def smallest_capacity(trace: Trace, run: Replay, tolerance: float = 0.004) -> int:
    """The least capacity in which a trace goes through, to a share of `tolerance` above; `run`: its replay without limit.

    A cache that grows with every token leaves blocks behind that fit nothing: without a limit the allocator goes on
    fetching new segments, with one it gives the old ones back. What it reserves then says little of what it needs.
    """
    low, high = run.peak_allocated, run.peak_reserved
    while high - low > tolerance * run.peak_allocated:
        middle = (low + high) // 2
        tried = replay(trace, middle)
        if tried.full is None:
            high = tried.peak_reserved
        else:
            low = middle
    return high
