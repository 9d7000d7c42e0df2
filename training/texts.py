"""Texts to speak: words of the lists of Debian if one is installed, else random syllables."""

from __future__ import annotations

from functools import cache
from pathlib import Path

import numpy as np

WORD_LISTS = {
    "en-us": "american-english", "en-gb": "american-english", "de": "ngerman", "fr": "french", "es": "spanish",
    "nl": "dutch", "pl": "polish", "uk": "ukrainian", "bg": "bulgarian", "ca": "catalan", "it": "italian",
    "sv": "swedish", "pt": "portuguese",
}  # fmt: skip
"""Language -> name of its list in /usr/share/dict."""

# Onsets, vowels and codas of the languages without a list; an empty string is "none".
_SYLLABLES = {
    "ru": ("п б т д к г м н л р в ф с з ш ж х ч щ пр ст кр", "а о у э и ы е я ю ё", ", н с т м л р й к"),
    "el": ("π μπ τ ντ κ γκ μ ν λ ρ φ β θ δ χ γ σ ζ στ πρ", "α ε ι ο ου η υ ει αι", ", ν ς ρ"),
    "tr": ("p b t d k g m n l r f v s z ş ç c h y", "a e ı i o ö u ü", ", n r l k m ş t p"),
    "fi": ("p t k m n l r s h j v d", "a e i o u y ä ö aa ee ii oo uu ää ie uo yö ai ei", ", n s l r t"),
    "hu": ("p b t d k g m n l r f v s sz z zs cs c gy ny h j", "a á e é i í o ó ö ő u ú ü ű", ", n k t l r s m"),
    "cs": ("p b t d k g m n l r f v s z š ž č c h ch j ř", "a á e é i í o u ou ů y ě", ", n k t l r s m v"),
    "id": ("p b t d k g m n l r s j c h w y ng ny", "a e i o u ai au", ", n ng k t s r h m"),
    "vi": ("b đ t th ch k g m n nh ng l r v ph s x h", "a á à ả e ê é i í o ô ơ u ư ạ ộ ế", ", n ng m t c p nh i"),
    "ja": ("k s t n h m y r w g z d b p ky sh ch", "a i u e o", ", , , n"),
    "ro": ("p b t d c g m n l r f v s z ș ț ce j h", "a ă e i î o u ea oa", ", n r t s l m c"),
    "sw": ("p b t d k g m n l r f v s z sh ch j h w y mb nd", "a e i o u", ","),
    "ka": ("პ ბ ტ დ კ გ მ ნ ლ რ ფ ვ ს ზ შ ჩ ჯ ხ თ ქ", "ა ე ი ო უ", ", ნ რ ს ლ მ"),
    "ko": (
        "",
        "가 나 다 라 마 바 사 아 자 차 카 타 파 하 거 너 더 러 머 버 서 고 노 도 로 모 보 소 구 누 두 무 부 수 기 니 "
        "디 미 비 시 강 문 물 한 산 밤 김 선 정 전 국 말 집 밥 손 눈",
        ",",
    ),
    "cmn": (
        "",
        "妈 爸 我 你 他 好 人 大 小 水 火 山 天 地 月 日 一 三 四 五 六 七 八 不 来 去 说 话 吃 书 风 雨 门 房 米 飞 "
        "女 老 师 学 生 中 国 都 多 本",
        ",",
    ),
    "ar": ("ب م ت د ك ل ر ن ف س ز ش ج ح خ ع ه و ي ط ص ق", "ا ي و َ ِ ُ", ", ن ر ل م"),
    "fa": ("ب م پ ت د ک گ ل ر ن ف س ز ش ج چ خ و", "ا ی و ", ", ن ر ل م"),
    "hi": ("", "क का कि को मा म पा प बी ब दा त तू न नी र रे ल ला स सा श ह व वो ज च चा ग गी भ फ ट ड", ", न म र"),
    "mr": ("", "क का कि को मा म पा प बी ब दा त तू न नी र रे ल ला स सा श ह व वो ज च चा ग गी भ फ ट ड", ", न म र"),
    "te": ("", "క కా కి కో మా మ పా ప బీ బ దా త తూ న నీ ర రే ల లా స సా శ హ వ వో జ చ చా గ గీ భ ఫ ట డ", ","),
}  # fmt: skip


def languages() -> tuple[str, ...]:
    """Return all languages of sentences."""
    return tuple(dict.fromkeys([*WORD_LISTS, *_SYLLABLES]))


def sentence(language: str, rng: np.random.Generator, words: tuple[int, int] = (4, 10)) -> str:
    """Return random words, sometimes with a comma, without meaning."""
    listed = _listed(language)
    chosen = []
    for _ in range(int(rng.integers(*words))):
        word = str(rng.choice(listed)) if listed is not None else _made_up(language, rng)
        chosen.append(word + ("," if rng.random() < 0.12 else ""))
    return " ".join(chosen).rstrip(",") + str(rng.choice([".", ".", "?", "!"]))


@cache
def _listed(language: str) -> np.ndarray | None:
    path = Path("/usr/share/dict") / WORD_LISTS.get(language, "-")
    if not path.is_file():
        if language in WORD_LISTS and language not in _SYLLABLES:
            raise FileNotFoundError(f"{path}: install the word lists that training/README.md names.")
        return None
    data = path.read_bytes()
    try:
        text = data.decode()
    except UnicodeDecodeError:  # the Swedish one
        text = data.decode("latin-1")
    words = [w for w in text.split() if w.isalpha() and 1 < len(w) < 15]
    return np.array(words)


def _made_up(language: str, rng: np.random.Generator) -> str:
    onsets, vowels, codas = (part.split(" ") for part in _SYLLABLES[language])
    codas = [coda.strip(", ") for coda in " ".join(codas).split(" ")]
    word = ""
    for _ in range(int(rng.integers(1, 4))):
        word += str(rng.choice(onsets)) + str(rng.choice(vowels))
    return word + (str(rng.choice(codas)) if rng.random() < 0.5 else "")
