"""Phones of flite and festival in IPA, so that one table converts all to visemes."""

from __future__ import annotations

SILENCES = frozenset({"pau", "#", "_", "sil", "ssil", "SIL", "H#", "brth", "PAU", "."})

ENGLISH = {
    "aa": "ɑ", "ae": "æ", "ah": "ʌ", "ao": "ɔ", "aw": "aʊ", "ax": "ə", "axr": "ɚ", "ay": "aɪ", "b": "b", "ch": "tʃ",
    "d": "d", "dh": "ð", "dx": "ɾ", "eh": "ɛ", "el": "əl", "em": "m", "en": "n", "er": "ɝ", "ey": "eɪ", "f": "f",
    "g": "ɡ", "hh": "h", "hv": "h", "ih": "ɪ", "iy": "i", "jh": "dʒ", "k": "k", "l": "l", "m": "m", "n": "n",
    "nx": "ŋ", "ng": "ŋ", "ow": "oʊ", "oy": "ɔɪ", "p": "p", "r": "ɹ", "s": "s", "sh": "ʃ", "t": "t", "th": "θ",
    "uh": "ʊ", "uw": "u", "v": "v", "w": "w", "y": "j", "z": "z", "zh": "ʒ",
}  # fmt: skip
CZECH = {
    "c": "ts", "c~": "tʃ", "s~": "ʃ", "z~": "ʒ", "r~": "r", "R~": "r", "d~": "ɟ", "t~": "c", "n~": "ɲ", "ch": "x",
    "dz": "dz", "dz~": "dʒ", "N": "ŋ", "M": "m", "y": "ɪ", "y:": "i", "ou": "oʊ", "au": "aʊ", "eu": "eʊ", "g": "ɡ",
}  # fmt: skip
FINNISH = {
    "ä": "æ", "@": "æ", "ö": "ø", "7": "ø", "7:": "ø", "N": "ŋ", "g": "ɡ", "š": "ʃ", "S": "ʃ",
}  # fmt: skip
INDIC = {
    "a": "ʌ", "aa": "a", "ih": "ɪ", "iy": "i", "uh": "ʊ", "uw": "u", "ee": "e", "eh": "ɛ", "oo": "o", "oh": "o",
    "ai": "ɛ", "au": "ɔ", "ay": "aɪ", "aw": "aʊ", "T": "ʈ", "D": "ɖ", "th": "t", "dh": "d", "ph": "p", "bh": "b",
    "kh": "k", "gh": "ɡ", "g": "ɡ", "c": "tʃ", "ch": "tʃ", "j": "dʒ", "jh": "dʒ", "y": "j", "sh": "ʃ", "S": "ʂ",
    "ng": "ŋ", "nj": "ɲ", "N": "ɳ", "L": "ɭ", "v": "ʋ", "w": "ʋ", "r": "ɾ", "h": "h",
}  # fmt: skip
RUSSIAN = {
    "ii": "i", "yy": "ɨ", "uu": "u", "ee": "e", "oo": "o", "aa": "a", "a": "ʌ", "e": "ɪ", "i": "ɪ", "y": "ɨ",
    "u": "ʊ", "ae": "ə", "ay": "ɪ", "ur": "ʊ", "pp": "p", "bb": "b", "tt": "t", "dd": "d", "kk": "k", "gg": "ɡ",
    "g": "ɡ", "c": "ts", "ch": "tɕ", "ff": "f", "vv": "v", "ss": "s", "zz": "z", "sh": "ʂ", "sch": "ɕ", "zh": "ʐ",
    "h": "x", "hh": "x", "mm": "m", "nn": "n", "ll": "l", "rr": "r",
}  # fmt: skip
CATALAN = {
    "ax": "ə", "rr": "r", "r": "ɾ", "E": "ɛ", "O": "ɔ", "Z": "ʒ", "S": "ʃ", "L": "ʎ", "J": "ɲ", "g": "ɡ", "N": "ŋ",
    "tS": "tʃ", "dZ": "dʒ", "ng": "ŋ",
}  # fmt: skip
ITALIAN = {**CATALAN, "nf": "ɱ", "dz": "dz", "ts": "ts", "r": "r"}
