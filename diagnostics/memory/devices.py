"""The memory of devices by name, in GiB as CUDA reports it, which is less than what the vendor prints on the box."""

from __future__ import annotations

import difflib
import re

from diagnostics.run.refusal import Refusal

GIB = 1 << 30
# Name: GiB that CUDA reports as total. Source: `has a total capacity of N GiB` in published out-of-memory messages (T4, A10G,
# L4, 3090, 4090, A100, L40S, H100, H200, B200 and others), else the vendor's GiB less 1 %, the share kept back for error
# correction and the driver on those that are known.
DEVICES: dict[str, float] = {
    "T4": 14.58,
    "P100": 15.89,
    "V100-16": 15.77,
    "V100-32": 31.73,
    "RTX 2080 Ti": 10.75,
    "RTX 3060": 11.76,
    "RTX 3080": 9.77,
    "RTX 3090": 23.69,
    "RTX 4060 Ti-16": 15.7,
    "RTX 4070 Ti": 11.72,
    "RTX 4080": 15.7,
    "RTX 4090": 23.64,
    "RTX 5090": 31.36,
    "RTX A4000": 15.73,
    "RTX A5000": 23.67,
    "RTX A6000": 47.53,
    "RTX 6000 Ada": 47.5,
    "A10G": 22.06,
    "A10": 22.06,
    "A16": 14.5,
    "A30": 23.5,
    "A40": 44.35,
    "L4": 22.03,
    "L40": 44.4,
    "L40S": 44.4,
    "A100-40": 39.39,
    "A100-80": 79.15,
    "H100": 79.1,
    "H100 NVL": 93.1,
    "GH200": 94.5,
    "H200": 139.8,
    "B200": 178.35,
    "MI250X": 63.98,
    "MI300X": 191.98,
}
# A card of two sizes named without one is the smaller: it is the safer answer.
OTHER_NAMES = {
    "V100": "V100-16", "A100": "A100-40", "3090": "RTX 3090", "4090": "RTX 4090", "5090": "RTX 5090", "A6000": "RTX A6000",
    "A5000": "RTX A5000", "A4000": "RTX A4000", "3080": "RTX 3080", "4080": "RTX 4080", "2080 Ti": "RTX 2080 Ti",
    "6000 Ada": "RTX 6000 Ada", "H100-80": "H100", "H800": "H100", "A800": "A100-80", "H20": "H100 NVL", "3060": "RTX 3060",
}  # fmt: skip
# Apple lets the GPU use about three quarters of the machine's memory (`recommendedMaxWorkingSetSize` of Metal).
MPS_SHARE = 0.75


class NoDevice(Refusal):
    """A device is not known; the message is one sentence that offers those that are like it."""


def plain(name: str) -> str:
    """A device's name without what people write or leave out: `NVIDIA A100-SXM4-80GB` is `a10080`."""
    bare = re.sub(
        r"nvidia|geforce|tesla|rtx|sxm\d?|pcie|hbm\d?e?|gib|gb|amd|instinct|ada generation|apple", "", name.lower()
    )
    return re.sub(r"[^a-z0-9]", "", bare)


def device_bytes(name: str) -> int:
    """The memory of a device by its name, in bytes. `mps-32`: an Apple machine with 32 GiB.

    Raises:
        NoDevice: there is none of this name.
    """
    mps = re.fullmatch(r"(?:mps|m[1-9]\w*)[ -]?(\d+)(?:gi?b)?", name.strip().lower())
    if mps:
        return int(int(mps[1]) * MPS_SHARE * GIB)
    known = {plain(one): one for one in DEVICES}
    known |= {plain(other): one for other, one in OTHER_NAMES.items()}
    found = known.get(plain(name))
    if found is None:
        near = difflib.get_close_matches(plain(name), known, n=3, cutoff=0.4)
        names = list(dict.fromkeys(known[one] for one in near)) or ["A100-80", "H100", "RTX 4090", "T4"]
        offered, offered_zh = ", ".join(names), "、".join(names)
        raise NoDevice(
            f"--device {name}: is no device that is known here; near ones are {offered}; or --device-gib N.",
            f"--device {name}：这里不认识这个设备；相近的有 {offered_zh}；或用 --device-gib N 指定大小。",
        )
    return int(DEVICES[found] * GIB)
