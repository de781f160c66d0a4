"""A pre-flight as Markdown, for a comment or a summary of a pipeline."""

from __future__ import annotations

from diagnostics.finding import Diagnosis
from diagnostics.preflight.material import Material
from diagnostics.report.as_markdown import cell, code, escaped, fenced, finding_section, table
from diagnostics.report.common import shortened
from diagnostics.report.labels import LABELS as COMMON
from diagnostics.report.preflight.as_text import bars, legend, rows_text
from diagnostics.report.preflight.contents import contents, findings_of
from diagnostics.report.preflight.labels import LABELS
from diagnostics.report.preflight.sentences import (
    change_cells,
    data_sentence,
    length_sentences,
    reward_cells,
    verdict,
)
from diagnostics.report.words import Lang


def report(material: Material, diagnosis: Diagnosis, lang: Lang = "en") -> str:
    """The whole pre-flight: the verdict and the findings first, then what was seen."""
    whole = contents(material, diagnosis, lang)
    label, colon = LABELS[lang], COMMON[lang]["colon"]
    asked = [whole["method"] or "?", *(code(one) for one in (whole["model"], whole["path"]) if one)]
    parts = [f"## {label['title']}{colon}{' · '.join(asked)}", f"**{escaped(verdict(whole, lang))}**"]
    parts += [finding_section(one, lang) for one in findings_of(whole)]
    for data in (whole["data"], whole["evaluation"]):
        parts += [f"{code(data['where'])}{colon}{escaped(data_sentence(data, lang))}"] if data else []
    for one in whole["lengths"]:
        parts.append(f"### {label['lengths']}{colon}{label['part_' + one['part']]}")
        parts.append(" · ".join(escaped(says) for says in length_sentences(one, whole["max_length"], lang)))
        parts.append(fenced(bars(one), "text"))
    if whole["rows"]:
        parts += [f"### {label['seen']}", escaped(legend(lang)), fenced(rows_text(whole, lang), "text")]
    if whole["rewards"]:
        rows = [[cell(shortened(one)) for one in row] for row in reward_cells(whole["rewards"], lang)]
        parts += [f"### {label['rewards']}", table(rows)]
    if (script := whole["script"]) is not None:
        parts.append(f"### {label['script']} {code(script['path'])}")
        if script["changes"]:
            parts.append(table([[cell(shortened(one)) for one in row] for row in change_cells(script, lang)]))
            parts.append(fenced(script["diff"].splitlines(), "diff"))
        else:
            parts.append(escaped(label["script_fine"]))
    unseen = [*whole["unseen"].items(), *((one["rule"], one["reason"]) for one in whole["not_checked"])]
    if unseen:
        parts.append(f"**{COMMON[lang]['not_checked']}**")
        parts.append("\n".join(f"- {code(name)}{colon}{escaped(why)}" for name, why in unseen))
    return "\n\n".join(parts) + "\n"
