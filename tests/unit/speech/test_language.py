from __future__ import annotations

import pytest

import lipsmith.speech.language as language
from lipsmith.speech.language import LanguageGuess, guess_language


@pytest.fixture
def identifier() -> None:
    pytest.importorskip("py3langid", reason="language identification needs the extra lipsmith[voice]")


@pytest.mark.parametrize(
    ("text", "tag"),
    [
        ("Good morning, how are you today?", "en"),
        ("Papa sees a small boat.", "en"),
        ("Call me maybe", "en"),
        ("Guten Morgen, wie geht es Ihnen heute?", "de"),
        ("Bonjour, comment allez-vous aujourd'hui ?", "fr"),
        ("Buenos días, ¿cómo está usted hoy?", "es"),
        ("Grazie mille di tutto.", "it"),
        ("Bom dia, como você está hoje?", "pt"),
        ("Hartelijk dank voor alles.", "nl"),
        ("Pogoda jest ładna i powinniśmy wyjść.", "pl"),
        ("Her şey için çok teşekkür ederim.", "tr"),
        ("Thời tiết đẹp và chúng ta nên ra ngoài.", "vi"),
        ("Погода чудова, і нам варто вийти.", "uk"),
        ("Погода прекрасная, и нам стоит выйти.", "ru"),
        ("هوا خوب است و باید بیرون برویم.", "fa"),
        ("الطقس جميل ويجب أن نخرج.", "ar"),
        ("हवामान छान आहे आणि आपण बाहेर जायला हवे.", "mr"),
        ("おはようございます", "ja"),
        ("你好，今天天气很好。", "cmn"),
        ("안녕하세요", "ko"),
        ("Καλημέρα σας", "el"),
    ],
)
def test_sentences_are_distinguished(identifier: None, text: str, tag: str) -> None:
    assert guess_language(text) == LanguageGuess(tag=tag, sure=True)


@pytest.mark.parametrize(("text", "tag"), [("Goede avond", "en"), ("Sì", "en"), ("Så där", "en"), ("Так", "ru")])
def test_what_is_doubtful_is_the_scripts_usual_language(identifier: None, text: str, tag: str) -> None:
    assert guess_language(text) == LanguageGuess(tag=tag, sure=False)


@pytest.mark.parametrize("text", ["", "123", "?!", "\ud800"])
def test_what_has_no_letters_is_english(identifier: None, text: str) -> None:
    assert guess_language(text).tag == "en"


def test_without_the_library_the_script_decides(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(language, "_identifier", lambda: None)
    assert guess_language("Guten Morgen, wie geht es Ihnen?") == LanguageGuess(tag="en", sure=False)
    assert guess_language("Погода чудова, і нам варто вийти.") == LanguageGuess(tag="ru", sure=False)
    assert guess_language("안녕하세요") == LanguageGuess(tag="ko", sure=True)
