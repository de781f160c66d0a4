"""The model of the caching allocator: its rules one by one, then invariants over random traces."""

from __future__ import annotations

import itertools
import random

import pytest

from diagnostics.memory.allocator import MIB, CachingAllocator, DeviceFull, Trace, replay, rounded, segment_of


@pytest.mark.parametrize(
    ("size", "taken", "segment"),
    [
        (1, 512, 2 * MIB),
        (512, 512, 2 * MIB),
        (513, 1024, 2 * MIB),
        (MIB, MIB, 2 * MIB),
        (MIB + 1, MIB + 512, 20 * MIB),
        (10 * MIB - 1, 10 * MIB, 10 * MIB),
        (10 * MIB - 512, 10 * MIB - 512, 20 * MIB),
        (10 * MIB + 512, 10 * MIB + 512, 12 * MIB),
    ],
)
def test_sizes(size: int, taken: int, segment: int) -> None:
    assert rounded(size) == taken
    assert segment_of(taken) == segment
    device = CachingAllocator()
    device.allocate(size, 1)
    assert (device.allocated, device.reserved) == (taken, segment)


def test_a_small_rest_of_a_large_block_is_not_split_off() -> None:
    device = CachingAllocator()
    device.allocate(19 * MIB + 512, 1)  # own segment of 20 MiB, less than 1 MiB would be left
    assert device.allocated == 20 * MIB
    device.free(1)
    device.allocate(12 * MIB, 2)
    assert (device.allocated, device.reserved) == (12 * MIB, 20 * MIB)


def test_the_best_fit_is_taken_and_neighbours_merge() -> None:
    device = CachingAllocator()
    for number in range(4):
        device.allocate(5 * MIB, number)  # one segment of 20 MiB
    device.free(0)
    device.free(2)
    device.allocate(6 * MIB, 4)  # fits into neither hole
    assert device.reserved == 40 * MIB
    device.free(1)  # 0, 1 and 2 are one hole of 15 MiB now
    device.allocate(15 * MIB, 5)
    assert device.reserved == 40 * MIB
    assert device.used[5].address == 0


def test_cached_segments_are_given_back_before_it_is_full() -> None:
    device = CachingAllocator(capacity=40 * MIB)
    device.allocate(20 * MIB, 1)
    device.free(1)
    device.allocate(30 * MIB, 2)
    assert (device.retries, device.reserved, device.peak_reserved) == (1, 30 * MIB, 30 * MIB)
    with pytest.raises(DeviceFull) as told:
        device.allocate(11 * MIB, 3)
    assert (told.value.wanted, told.value.allocated, told.value.reserved) == (11 * MIB, 30 * MIB, 30 * MIB)


def test_a_replay_ends_where_the_device_is_full() -> None:
    trace = Trace()
    trace.allocate(30 * MIB, 1)
    trace.allocate(30 * MIB, 2)
    trace.free(1)
    assert replay(trace).peak_allocated == 60 * MIB
    ended = replay(trace, capacity=50 * MIB)
    assert ended.full is not None
    assert ended.peak_allocated == 30 * MIB


@pytest.mark.parametrize("seed", range(5))
def test_no_two_blocks_in_use_overlap(seed: int) -> None:
    chance, device = random.Random(seed), CachingAllocator()
    held: dict[int, int] = {}
    for number in range(3000):
        if held and chance.random() < 0.5:
            gone = chance.choice(list(held))
            device.free(gone)
            del held[gone]
        else:
            held[number] = int(2 ** chance.uniform(1, 26))
            device.allocate(held[number], number)
        assert device.allocated == sum(device.used[one].size for one in held)
        assert device.allocated <= device.reserved
    places = sorted((block.address, block.size) for block in device.used.values())
    assert all(start + size <= following for (start, size), (following, _) in itertools.pairwise(places))
    for number in held:
        device.free(number)
    device.give_back()
    assert (device.allocated, device.reserved) == (0, 0)
