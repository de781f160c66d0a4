"""Devices by name."""

from __future__ import annotations

import pytest

from diagnostics.memory.devices import DEVICES, GIB, OTHER_NAMES, NoDevice, device_bytes


@pytest.mark.parametrize(
    ("written", "meant"),
    [
        ("T4", "T4"),
        ("tesla t4", "T4"),
        ("NVIDIA A100-SXM4-80GB", "A100-80"),
        ("a100 80GB PCIe", "A100-80"),
        ("A100", "A100-40"),
        ("NVIDIA GeForce RTX 4090", "RTX 4090"),
        ("4090", "RTX 4090"),
        ("h100", "H100"),
        ("NVIDIA H100 80GB HBM3", "H100"),
        ("l40s", "L40S"),
        ("V100-32GB", "V100-32"),
        ("AMD Instinct MI300X", "MI300X"),
    ],
)
def test_names_as_people_and_drivers_write_them(written: str, meant: str) -> None:
    assert device_bytes(written) == int(DEVICES[meant] * GIB)


def test_every_other_name_is_one_of_the_table() -> None:
    for other, name in OTHER_NAMES.items():
        assert device_bytes(other) == int(DEVICES[name] * GIB)


def test_an_apple_machine_gives_its_gpu_a_share() -> None:
    assert device_bytes("mps-32") == 24 * GIB
    assert device_bytes("M3 64GB") == 48 * GIB


def test_what_cuda_reports_is_less_than_what_the_box_says() -> None:
    assert device_bytes("A100-80") < 80 * GIB
    assert device_bytes("T4") < 16 * GIB


def test_an_unknown_device_is_refused_with_near_names() -> None:
    with pytest.raises(NoDevice, match="A100-80"):
        device_bytes("A100-90")
    with pytest.raises(NoDevice, match="--device-gib N"):
        device_bytes("toaster")
