from __future__ import annotations

import pytest

from lipsmith.errors import InvalidMarkup
from lipsmith.speech.ssml import Segment, is_markup, plain_words, read_ssml

pytest.importorskip("defusedxml", reason="the extra lipsmith[voice] brings the parser")


@pytest.mark.parametrize(
    ("text", "is_it"),
    [
        ("<speak>Hello</speak>", True),
        ("  \n<speak version='1.1'>Hello</speak>", True),
        ("<speak/>", True),
        ("<speaker>Hello</speaker>", False),
        ("<b>Hello</b>", False),
        ("Say <speak>", False),
        ("1 < 2", False),
        ("", False),
    ],
)
def test_only_what_begins_with_speak_is_markup(text: str, is_it: bool) -> None:
    assert is_markup(text) is is_it


@pytest.mark.parametrize(
    ("inside", "segments"),
    [
        ("Hello there.", [Segment(text="Hello there.")]),
        ("  Hello \n there &amp; <![CDATA[<you>]]> ", [Segment(text="Hello there & <you>")]),
        ('One<break time="500ms"/>two', [Segment(text="One", pause_s=0.5), Segment(text="two")]),
        ('One.<break time="1.25s"/>Two', [Segment(text="One.", pause_s=1.25), Segment(text="Two")]),
        ("One<break/>two", [Segment(text="One", pause_s=0.4), Segment(text="two")]),
        ('One<break strength="x-strong"/>two', [Segment(text="One", pause_s=1.2), Segment(text="two")]),
        ('One<break time="1s"/> <break time="0.5s"/>two', [Segment(text="One", pause_s=1.5), Segment(text="two")]),
        ('<break time="1s"/>One', [Segment(text="", pause_s=1.0), Segment(text="One")]),
        ('One<break time="1s"/>', [Segment(text="One", pause_s=1.0)]),
        (
            'I <emphasis level="strong">really</emphasis> do.',
            [
                Segment(text="I", pause_s=0.03),
                Segment(text="really", rate=0.8, gain_db=3.0, pause_s=0.03),
                Segment(text="do."),
            ],
        ),
        (
            "I <emphasis>do</emphasis>. You too",
            [
                Segment(text="I", pause_s=0.03),
                Segment(text="do.", rate=0.9, gain_db=1.5, pause_s=0.35),
                Segment(text="You too"),
            ],
        ),
        (
            '<prosody rate="slow">One <prosody rate="50%">two</prosody></prosody>, three',
            [
                Segment(text="One", rate=0.8, pause_s=0.03),
                Segment(text="two,", rate=0.4, pause_s=0.15),
                Segment(text="three"),
            ],
        ),
        ('<prosody rate="+20%">One</prosody>', [Segment(text="One", rate=1.2)]),
        ('<prosody rate="-20%">One</prosody>', [Segment(text="One", rate=0.8)]),
        ('<prosody rate="1.5">One</prosody>', [Segment(text="One", rate=1.5)]),
        ('The <say-as interpret-as="characters">BBC</say-as> says', [Segment(text="The B, B, C says")]),
        ('Call <say-as interpret-as="digits">11 2</say-as>', [Segment(text="Call 1, 1, 2")]),
        ('<sub alias="World Wide Web">WWW</sub> rules', [Segment(text="World Wide Web rules")]),
        (
            "<p><s>One</s><s>two</s></p><p>three</p>",
            [Segment(text="One", pause_s=0.35), Segment(text="two", pause_s=0.7), Segment(text="three")],
        ),
        (
            '<p>One</p><break time="2s"/><p>two</p>',
            [Segment(text="One", pause_s=2.0), Segment(text="two")],
        ),
    ],
)
def test_what_the_tags_mean(inside: str, segments: list[Segment]) -> None:
    read = read_ssml(f"<speak>{inside}</speak>")
    assert [segment.text for segment in read] == [segment.text for segment in segments]
    for one, wanted in zip(read, segments, strict=True):
        assert (one.rate, one.gain_db, one.pause_s) == pytest.approx((wanted.rate, wanted.gain_db, wanted.pause_s))


def test_the_namespace_and_the_language_may_be_named() -> None:
    head = '<speak version="1.1" xmlns="http://www.w3.org/2001/10/synthesis" xml:lang="en-US">'
    assert read_ssml(f"{head}One<break/>two</speak>") == [Segment(text="One", pause_s=0.4), Segment(text="two")]


@pytest.mark.parametrize(
    ("text", "says"),
    [
        ("<speak>", "not valid XML"),
        ("<speak>1 < 2</speak>", "&lt;"),
        ("<speak></speak>", "There is no word"),
        ("<speak><break/></speak>", "There is no word"),
        ("<speak>Hi</speak> there", "not valid XML"),
        ("<speak><voice name='x'>Hi</voice></speak>", "Unknown tag <voice>.*<break>"),
        ("<speak><audio src='file:///etc/passwd'/>Hi</speak>", "Unknown tag <audio>"),
        ("<speak><x:p xmlns:x='urn:other'>Hi</x:p></speak>", "Unknown tag"),
        (
            "<speak><prosody pitch='high'>Hi</prosody></speak>",
            "no attribute 'pitch'. Supported attributes: rate",
        ),
        ("<speak><prosody rate='warp'>Hi</prosody></speak>", "rate 'warp'"),
        ("<speak><prosody>Hi</prosody></speak>", "rate ''"),
        ("<speak><prosody rate='0%'>Hi</prosody></speak>", "use 25% to 400%"),
        ("<speak><prosody rate='+1.5'>Hi</prosody></speak>", "use 25% to 400%"),
        ("<speak>Hi<break time='5'/></speak>", "time '5'; use 500ms"),
        ("<speak>Hi<break time='11s'/></speak>", "up to 10s"),
        ("<speak>Hi<break time='-1s'/></speak>", "time '-1s'"),
        ("<speak>Hi<break strength='huge'/></speak>", "strength 'huge'; use one of none"),
        ("<speak>Hi<break>you</break></speak>", "must not contain words"),
        ("<speak><say-as interpret-as='date'>1</say-as></speak>", "interpret-as 'date'"),
        ("<speak><emphasis level='much'>Hi</emphasis></speak>", "level 'much'"),
        ("<speak onload='x'>Hi</speak>", "has no attribute 'onload'"),
        ("<speak>" + "<s>" * 30 + "Hi" + "</s>" * 30 + "</speak>", "20 deep"),
        ("<speak>" + "<s>" * 50_000, "not valid XML"),
        ("<speak>" + "Hi<break/>" * 2001 + "</speak>", "2000 parts"),
        ("<speak>" + "a" * 200_000 + "</speak>", "200000"),
    ],
)
def test_what_cannot_be_read_is_named(text: str, says: str) -> None:
    with pytest.raises(InvalidMarkup, match=says):
        read_ssml(text)


@pytest.mark.parametrize(
    "declared",
    [
        '<!DOCTYPE speak [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]>',
        '<!DOCTYPE speak [<!ENTITY a SYSTEM "file:///etc/passwd">]>',
        '<!DOCTYPE speak SYSTEM "http://127.0.0.1/x.dtd">',
    ],
)
def test_entities_are_never_read(declared: str) -> None:
    text = "<speak>&a;</speak>"
    assert not is_markup(declared + text)  # text that does not start with the tag is ordinary text
    with pytest.raises(InvalidMarkup, match="not valid XML"):
        read_ssml(text)


def test_the_words_alone() -> None:
    assert plain_words("1 < 2") == "1 < 2"
    assert plain_words("<speak>Hello<break/> <emphasis>you</emphasis>!</speak>") == "Hello you!"
