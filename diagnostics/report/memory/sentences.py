"""Sentences of the memory report that several formats share, from the answer's object."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from diagnostics.memory.words import PHASES
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.memory.contents import sized
from diagnostics.report.memory.labels import LABELS, phase_name
from diagnostics.report.words import Lang


def verdict(whole: Mapping[str, Any], lang: Lang) -> str:
    """Whether it fits, in one sentence."""
    device = whole["device"]
    return LABELS[lang][whole["verdict"]].format(
        total=sized(whole["peak"]["total"]), device=device_name(device) if device else ""
    )


def device_name(device: Mapping[str, Any]) -> str:
    """A device by its size, and by its name where it was asked for by one."""
    size = sized(device["bytes"])
    return f"{device['name']} ({size})" if device["name"] else size


def peak_sentence(whole: Mapping[str, Any], lang: Lang) -> str:
    """The interval, when the peak comes, and where the numbers are from."""
    label, comma = LABELS[lang], COMMON[lang]["comma"]
    peak = whole["peak"]
    parts = [
        label["interval"].format(low=sized(peak["low"]), high=sized(peak["high"])),
        label["when"].format(phase=phase_name(lang, whole["phase"]), step=whole["step"]),
    ]
    if whole["operation"]:
        parts.append(label["at_operation"].format(operation=whole["operation"]))
    parts.append(label[f"source_{whole['source']}"])
    return comma.join(parts)


def asked_facts(whole: Mapping[str, Any], lang: Lang) -> list[str]:
    """What was asked, a few words each."""
    label, colon = LABELS[lang], COMMON[lang]["colon"]
    facts = [
        f"{label['rows']}{colon}{whole['batch']}",
        f"{label['effective']}{colon}{whole['effective_batch']}",
        f"{label['length']}{colon}{whole['length']:,}",
        f"{label['dtype']}{colon}{whole['dtype']}",
    ]
    if whole["processes"] > 1:
        facts.append(f"{label['devices']}{colon}{whole['processes']}")
    return facts


def bill_table(rows: list[Mapping[str, Any]], lang: Lang) -> list[list[str]]:
    """A bill as rows of cells: line, size, share."""
    total = sum(row["bytes"] for row in rows) or 1
    return [[LABELS[lang][row["line"]], sized(row["bytes"]), f"{row['bytes'] / total:.0%}"] for row in rows]


def shares_table(whole: Mapping[str, Any], lang: Lang) -> list[list[str]]:
    """One device's share under each strategy, the head first."""
    label = LABELS[lang]
    lines = ("weights", "gradients", "optimizer", "activations", "reference", "temporaries")
    found = [[label["strategy"], label["peak"], *(label[line] for line in lines)]]
    for one in whole["shares"]:
        bill = {row["line"]: row["bytes"] for row in one["bill"]}
        found.append([label[one["strategy"]], sized(one["total"]), *(sized(bill.get(line, 0)) for line in lines)])
    return found


def host_rows(whole: Mapping[str, Any], lang: Lang) -> list[list[str]]:
    """The host's side: what, how much, what is free here."""
    label, host = LABELS[lang], whole["host"]
    free = host["free"]

    def beside(needed: int, there: int | None) -> str:
        if there is None:
            return ""
        return label["has" if needed <= there else "short"].format(n=sized(there))

    rows = [
        [label["host_load"], sized(host["load"]), beside(host["load"], free["memory"])],
        [label["host_resident"], sized(host["resident"]), beside(host["resident"], free["memory"])],
    ]
    if host["offloaded"]:
        rows.append([label["host_offloaded"], sized(host["offloaded"]), ""])
    rows.append([label["host_checkpoint"], sized(host["checkpoint"]), beside(host["checkpoint"], free["disk"])])
    if host["on_disk"] is None:
        rows.append([label["host_all"], "∞", label["host_unlimited"]])
    else:
        rows.append([label["host_all"], sized(host["on_disk"]), beside(host["on_disk"], free["disk"])])
    if host["shared"]:
        rows.append([label["host_shared"], sized(host["shared"]), beside(host["shared"], free["shm"])])
    return rows


def fit_sentence(whole: Mapping[str, Any], lang: Lang) -> str:
    """What Fit found, where there are no ways to list; "" where there are."""
    label, fit = LABELS[lang], whole["fit"]
    if fit["options"]:
        return ""
    if whole["verdict"] == "fits":
        return label["fit_fits"]
    key = "fit_none" if fit["complete"] else "fit_cut"
    return label[key].format(total=sized(fit["closest"]), n=fit["estimates"])


def option_sentence(option: Mapping[str, Any], number: int, lang: Lang) -> str:
    """A way to fit: its peak, whether the same is learned, and the time it costs."""
    label, comma = LABELS[lang], COMMON[lang]["comma"]
    learned = label["same" if option["quality"] == 0 else "changed"]
    head = label["option"].format(n=number, total=sized(option["total"]))
    sure = [label["source_formula"]] if option["source"] == "formula" else []
    return comma.join([head, *sure, learned, time_words(option["time"], lang)])


def time_words(time: float, lang: Lang) -> str:
    """A price in time."""
    label = LABELS[lang]
    if abs(time) < 0.005:
        return label["equal"]
    return label["slower" if time > 0 else "faster"].format(n=abs(time))


def saving(step: Mapping[str, Any], lang: Lang) -> str:
    """What a step saves."""
    label = LABELS[lang]
    says = label["saves" if step["saved"] >= 0 else "costs"].format(n=sized(abs(step["saved"])))
    says = says if step["estimated"] else f"{says} ({label['about']})"
    return COMMON[lang]["comma"].join([says, label["needs"].format(what=step["needs"])]) if step["needs"] else says


def searched(whole: Mapping[str, Any], lang: Lang) -> str:
    """How far the search went."""
    return LABELS[lang]["searched"].format(**{key: whole["fit"][key] for key in ("candidates", "estimates")})


def crash_sentences(whole: Mapping[str, Any], lang: Lang) -> list[str]:
    """What happened: cause, phase, and what the failed request was."""
    label, crash = LABELS[lang], whole["crash"]
    said = [crash["summary"]]
    if crash["phase"] != "unplaced":
        named = label["crash_phase"].format(phase=phase_name(lang, crash["phase"]))
        said.append(PHASES[lang].get(f"at-{crash['phase']}", named))
    if (block := crash["asked_for"]) is not None:
        said.append(
            label["crash_asked"].format(
                asked=sized(crash["sizes"].get("asked")),
                shape=" × ".join(str(one) for one in block["shape"]),
                dtype=block["dtype"],
                what=" ".join(one for one in (label.get(block["line"], block["line"]), block["module"]) if one),
            )
        )
    return said


def block_table(whole: Mapping[str, Any], lang: Lang, most: int) -> list[list[str]]:
    """The largest blocks at the peak, the head first."""
    label = LABELS[lang]
    rows = [[label["size"], label["shape"], "dtype", label["bill"], label["made_by"]]]
    rows += [
        [sized(one["bytes"]), "×".join(str(size) for size in one["shape"]), one["dtype"],
         label.get(one["line"], one["line"]), " ".join(part for part in (one["op"], one["module"]) if part)]
        for one in whole["largest"][:most]
    ]  # fmt: skip
    return rows
