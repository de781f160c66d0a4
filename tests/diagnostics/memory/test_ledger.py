"""The ledger: what is alive when, on which line, in which phase; on storages that are no tensors."""

from __future__ import annotations

from diagnostics.memory.records import thinned
from diagnostics.probes.memory.ledger import Ledger


class Stored:
    """What the ledger asks of a storage."""

    def __init__(self, key: int, size: int) -> None:
        self._cdata, self.size = key, size

    def nbytes(self) -> int:
        return self.size


def filled() -> tuple[Ledger, list[Stored]]:
    """Weights; activations in forward; one of them gone and a gradient made in backward."""
    ledger = Ledger(rounding=False)
    weight, kept, lost, gradient = (Stored(key, size) for key, size in ((1, 100), (2, 30), (3, 50), (4, 100)))
    ledger.add(weight, "weights")
    ledger.enter("forward", 1)
    ledger.modules.append("layer")
    ledger.add(kept, "activations", (30,), "int8", "aten.mm.default")
    ledger.add(lost, "activations", (50,), "int8", "aten.add.Tensor")
    ledger.enter("backward")
    ledger.modules.clear()
    del lost
    ledger.add(gradient, "temporaries", (100,), "int8", "aten.mm.default")
    ledger.move(gradient, "gradients")
    return ledger, [weight, kept, gradient]


def test_live_bytes_and_the_peak_of_each_phase() -> None:
    ledger, _held = filled()
    curve = ledger.curve()
    assert curve.tolist() == [100, 130, 180, 130, 230]
    peaks = ledger.peaks(curve)
    assert {phase: int(curve[place]) for phase, place in peaks.items()} == {
        "load": 100,
        "forward": 180,
        "backward": 230,
    }
    assert ledger.place(peaks["forward"]) == ("forward", 1)
    assert ledger.operation(peaks["forward"]) == "aten.add in layer"


def test_the_bill_is_that_of_the_moment() -> None:
    ledger, _held = filled()
    before, after = ledger.bill(3), ledger.bill(4)
    assert (before["activations"], before["gradients"]) == (30, 0)
    assert (after["gradients"], after["temporaries"], after["weights"]) == (100, 0, 100)
    assert sum(after.values()) == ledger.curve()[4]
    assert [one.bytes for one in ledger.largest(4)] == [100, 100, 30]


def test_a_storage_is_noted_once_and_an_address_can_come_again() -> None:
    ledger = Ledger(rounding=True)
    one = Stored(7, 1)
    ledger.add(one, "weights")
    ledger.add(one, "logits")
    assert ledger.curve().tolist() == [512]
    del one
    again = Stored(7, 513)
    ledger.add(again, "logits")
    assert ledger.curve().tolist() == [512, 0, 1024]
    ledger.add(Stored(8, 0), "logits")  # nothing, as an empty tensor
    assert len(ledger.trace) == 3


def test_a_workspace_is_gone_after_its_operation() -> None:
    ledger = Ledger(rounding=False)
    with ledger.during("generation"):
        ledger.end(ledger.begin(40, "temporaries", op="aten.mm"))
    assert ledger.curve().tolist() == [40, 0]
    assert ledger.phase == "load"
    assert ledger.peaks(ledger.curve()) == {"generation": 0}


def test_regions_keep_the_parts_of_a_phase_apart() -> None:
    ledger, held = Ledger(rounding=False), []
    ledger.enter("forward", 1)
    for region, size in (("first", 10), ("last", 20), ("first", 5)):
        ledger.reach(region)
        held.append(Stored(len(held), size))
        ledger.add(held[-1], "activations")
    curve = ledger.curve()
    assert {key: int(curve[place]) for key, place in ledger.peaks_by_region(curve).items()} == {
        ("forward", "first"): 35,
        ("forward", "last"): 30,
    }


def test_a_thinned_curve_keeps_its_peaks_and_valleys() -> None:
    values = [5] * 10_000
    values[1234], values[7777] = 99, 1
    at, kept = thinned(range(10_000), values)
    assert len(kept) <= 2000
    assert (max(kept), min(kept)) == (99, 1)
    assert at == sorted(at)
    assert at[kept.index(99)] == 1234
    assert thinned([3, 4], [1, 2]) == ([3, 4], [1, 2])
