"""What the text of one answer shows by itself: repetition, refusal, leaked markers, another language, gibberish."""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence

from diagnostics.compare.prompts import LETTER, language
from diagnostics.compare.texts.segment import pieces

GRAM = 4

# Control tokens of the chat templates in use (ChatML, Llama, Mistral, Gemma, DeepSeek, Alpaca) and of old tokenizers.
MARKERS = (
    r"<[|｜][^<>|｜\n]{1,40}[|｜]>",
    r"\[/?INST\]",
    r"<</?SYS>>",
    r"<(?:start|end)_of_turn>",
    r"<(?:bos|eos|pad|unk|mask)>",
    r"\[(?:PAD|SEP|CLS|UNK|MASK|BOS|EOS)\]",
    # Alone they are tokens; a pair of them is HTML for struck text.
    r"\A\s*<s>(?!.*</s>)",
    r"</s>\s*\Z",
    r"^\s*(?:Human|User|Assistant|System|用户|助手|系统)\s*[:：]",
    r"^\s*#{2,3}\s*(?:Instruction|Response|Input|Human|User|Assistant)\s*:",
)
MARKER = re.compile("|".join(f"(?:{one})" for one in MARKERS), re.MULTILINE)
STRUCK = re.compile(r"<s>.*?</s>", re.DOTALL)

# A refusal is said at the beginning, in the first person, of the asked thing itself. "We cannot ship to Spain" and "I am
# sorry that your parcel is late" are answers.
OPENING = 200
HELPING = (
    r"(?:help|assist|answer|provide|comply|fulfil|fulfill|do that|do this|discuss|support|continue|create|write|generate"
    r"|share|give|engage|respond|complete|participate|advise|offer)"
)
REFUSALS = re.compile(
    r"\bI(?:'m| am) (?:sorry|afraid)[,.]? (?:but )?(?:that )?I(?: cannot| can't| can not| won't| am unable| am not able|'m unable|'m not able)"
    rf"|\bI (?:cannot|can't|can not|won't|will not) (?:\w+ )?{HELPING}\b"
    rf"|\bI(?:'m| am) (?:unable|not able|not allowed|not permitted|not comfortable)(?: to)? (?:\w+ )?{HELPING}"
    r"|\bI must (?:respectfully )?(?:decline|refuse)\b"
    r"|\bAs an AI(?: language model| assistant)?, I (?:cannot|can't|don't|do not|am unable|am not able|'m unable)"
    r"|\bI (?:have to|respectfully) decline\b",
    re.IGNORECASE,
)
REFUSALS_ZH = re.compile(
    r"(?:抱歉|对不起|不好意思)[，,。！!\s]*(?:但)?(?:是)?我(?:们)?(?:无法|不能|没办法|没有办法|不可以)(?!理解您)"
    r"|我(?:无法|不能|不会|没办法)(?:为您|为你|帮您|帮你|给您|给你)?(?:回答|提供|帮助|协助|满足|完成|生成|讨论|参与|继续|写)"
    r"|作为(?:一个|一名)?(?:AI|人工智能|语言模型|智能助手)[^。！？]{0,12}(?:无法|不能|不会)"
    r"|(?:恕我)?(?:拒绝|无可奉告)(?:回答|提供)",
    re.IGNORECASE,
)

VOWEL = re.compile(r"[aeiouyà-ÿ]", re.IGNORECASE)
LATIN_WORD = re.compile(r"\b[A-Za-zÀ-ÿ]{4,}\b")
# Private use, surrogates, not assigned, and controls but for line ends and tabs: nobody writes them.
UNWRITTEN = ("Co", "Cs", "Cn", "Cc")


def grams(units: Sequence[str], size: int) -> list[tuple[str, ...]]:
    """The runs of `size` units, in order."""
    return [tuple(units[place : place + size]) for place in range(len(units) - size + 1)]


def units_of(text: str) -> list[str]:
    """Words, punctuation and Chinese characters in lower case, without white space."""
    return [one.lower() for one in pieces(text) if not one.isspace()]


def repeated_share(text: str) -> float:
    """The share of 4-grams that were there before, of words or Chinese characters: 0 none, near 1 a loop.

    1 - distinct / all, as rep-4 of Welleck et al. (2020). 0 for a text of fewer than 4.
    """
    found = grams(units_of(text), GRAM)
    return 1 - len(set(found)) / len(found) if found else 0.0


def longest_repeat(text: str) -> int:
    """The length of the longest stretch that is one pattern back to back, in words or Chinese characters; 0 if none.

    The pattern has up to 50 units and stands there at least three times: "very, very" is style.
    """
    units = units_of(text)
    best = 0
    for period in range(1, min(50, len(units) // 3) + 1):
        run = 0
        for place in range(period, len(units)):
            run = run + 1 if units[place] == units[place - period] else 0
            if run >= 2 * period:
                best = max(best, run + period)
    return best


def refuses(text: str) -> bool:
    """Whether an answer begins with declining to answer, in English or Chinese."""
    opening = text[:OPENING].replace("’", "'")
    return REFUSALS.search(opening) is not None or REFUSALS_ZH.search(opening) is not None


def leaked(text: str, prompt: str = "") -> tuple[str, ...]:
    """The control tokens and role markers that stand in an answer, but for those that the prompt itself holds."""
    found = (one.group().strip() for one in MARKER.finditer(STRUCK.sub("", text)))
    return tuple(dict.fromkeys(one for one in found if one not in prompt))


def switches(text: str, asked: str) -> bool:
    """Whether an answer is in another language than `asked` (`zh` or `en`); one without letters is in none."""
    return asked in ("zh", "en") and LETTER.search(text) is not None and language(text) != asked


def gibberish(text: str) -> bool:
    """Whether a text is no writing at all: broken characters, four scripts mixed, no vowels, or hardly a letter.

    It sees noise of characters. Real words in a senseless order are not seen.
    """
    written = text.strip()
    if not written:
        return False
    broken = sum(one == "\ufffd" or (unicodedata.category(one) in UNWRITTEN and one not in "\n\r\t") for one in written)
    if broken > max(1, 0.01 * len(written)):
        return True
    letters = LETTER.findall(written)
    if len(written) >= 20 and sum(one.isalnum() for one in written) < 0.3 * sum(not one.isspace() for one in written):
        return True
    if len(scripts(letters)) >= 4:
        return True
    words = LATIN_WORD.findall(written)
    # Capitals are names of parts and orders ("HTTPS", "CNXF"), which have no vowels either.
    odd = [one for one in words if not one.isupper() and (not VOWEL.search(one) or len(one) > 30)]
    return len(words) >= 5 and len(odd) > 0.3 * len(words)


def scripts(letters: Sequence[str]) -> set[str]:
    """The scripts with at least 3 % of the letters and two of them; Chinese characters and kana are one."""
    counted: dict[str, int] = {}
    for one in letters:
        script = unicodedata.name(one, "NONE").split()[0]
        script = "CJK" if script in ("HIRAGANA", "KATAKANA", "CJK") else script
        counted[script] = counted.get(script, 0) + 1
    return {script for script, count in counted.items() if count >= max(2, 0.03 * len(letters))}
