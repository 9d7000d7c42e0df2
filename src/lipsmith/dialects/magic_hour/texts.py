"""Checks and estimates of a text before it is spoken, and the gender of a voice by its name."""

from __future__ import annotations

from contextlib import suppress

from lipsmith.errors import EmptyText, InvalidMarkup, MissingDependency
from lipsmith.pipeline.requests import Gender
from lipsmith.service.errors import InvalidRequest
from lipsmith.speech.script import speakable
from lipsmith.speech.ssml import Segment, is_markup, plain_words, read_ssml

LOWER_CASE_S, OTHER_CHARACTER_S, AROUND_S = 0.12, 0.6, 2.0
"""Seconds of speech. Slow speakers say eight letters a second; any other character may be read as a whole word."""

# Common given names, and words for people: enough to choose between neutral voices, which imitate no person.
_WOMEN = frozenset({
    "alexandra", "alexis", "alice", "alicia", "amanda", "amber", "amy", "ana", "angela", "angelina", "anita", "anna",
    "anne", "annie", "anya", "ariana", "audrey", "barbara", "bella", "beth", "betty", "camila", "caroline", "cassie",
    "cate", "catherine", "charlize", "charlotte", "chloe", "christina", "claire", "dakota", "deepika", "diana",
    "diane", "elisabeth", "elizabeth", "ella", "ellen", "ellie", "emily", "emma", "eva", "female", "florence", "gina",
    "girl", "grace", "greta", "hannah", "heidi", "helen", "helena", "hillary", "irene", "isabella", "jane", "janet",
    "jasmine", "jenna", "jennifer", "jessica", "joan", "judy", "julia", "julie", "kamala", "karen", "kate",
    "katherine", "katie", "katy", "keira", "kelly", "kim", "kristen", "lady", "lana", "lara", "laura", "lily",
    "linda", "lisa", "lucy", "maggie", "margaret", "margot", "maria", "marilyn", "martha", "mary", "megan", "meghan",
    "melania", "melissa", "meryl", "michelle", "mila", "miley", "miranda", "miss", "monica", "mother", "mrs",
    "natalie", "natasha", "nicki", "nicole", "octavia", "olivia", "pam", "pamela", "penelope", "phoebe", "princess",
    "priyanka", "queen", "rachel", "rebecca", "robyn", "rosa", "rose", "ruth", "salma", "samantha", "sandra", "sara",
    "sarah", "scarlett", "selena", "serena", "sharon", "simone", "sofia", "sophia", "sophie", "stella", "susan",
    "suzanne", "tiffany", "tina", "ursula", "valentina", "vanessa", "victoria", "viola", "whitney", "winona", "woman",
    "zoe",
})  # fmt: skip
_MEN = frozenset({
    "aaron", "adam", "alan", "albert", "alec", "alex", "andrew", "andy", "anthony", "antonio", "arnold", "arthur",
    "barney", "ben", "benedict", "bernie", "bill", "billy", "bob", "bobby", "boy", "brad", "brandon", "brian",
    "bruce", "carl", "charles", "charlie", "chris", "christian", "christopher", "clint", "colin", "conor", "craig",
    "dan", "daniel", "danny", "dave", "david", "don", "donald", "dwayne", "dwight", "eddie", "edward", "elon", "eric",
    "ethan", "father", "frank", "fred", "gary", "george", "gordon", "greg", "guy", "harrison", "harry", "henry",
    "homer", "hugh", "ian", "isaac", "jack", "jacob", "jake", "james", "jamie", "jason", "jay", "jeff", "jeremy",
    "jerry", "jim", "jimmy", "joe", "joel", "joey", "john", "johnny", "jon", "jonathan", "jordan", "joseph", "josh",
    "justin", "keith", "ken", "kevin", "king", "kurt", "kyle", "larry", "lee", "leo", "leonardo", "lewis", "liam",
    "logan", "louis", "male", "man", "mario", "mark", "martin", "matt", "matthew", "michael", "mike", "mr", "nathan",
    "neil", "nick", "nicolas", "noah", "oliver", "oscar", "owen", "patrick", "paul", "peter", "phil", "philip",
    "prince", "quentin", "ralph", "richard", "rick", "ricky", "rob", "robert", "robin", "roger", "ron", "russell",
    "ryan", "sam", "samuel", "scott", "sean", "seth", "simon", "stan", "stephen", "steve", "steven", "ted", "thomas",
    "tim", "todd", "tom", "tony", "travis", "tyler", "walter", "will", "william", "willie",
})  # fmt: skip


def check_text(text: str, field: str, *, longest: int) -> str:
    """Return the text, stripped. Raises InvalidRequest, with the name of ``field``, if it has no words."""
    if len(text) > longest:
        raise InvalidRequest(f"{field}: the text has {len(text):,} characters, and {longest:,} are allowed.")
    try:
        with suppress(MissingDependency):  # the runner may have the library, or reports how to install it
            text = text.strip()
            speakable(plain_words(text))
    except (EmptyText, InvalidMarkup) as error:
        raise InvalidRequest(f"{field}: {error.message}") from error
    return text


def estimated_s(text: str, rate: float) -> float:
    """Estimate the duration of a checked text, seconds. The estimate is seldom too short.

    >>> estimated_s("hello there", 1.0), estimated_s("hello there", 0.5), estimated_s("7", 1.0)
    (3.32, 4.64, 2.6)
    """
    segments = [Segment(text=text)]
    if is_markup(text):
        with suppress(MissingDependency):
            segments = list(read_ssml(text))
    speech_s = sum(sum(map(_character_s, part.text)) / (rate * part.rate) + part.pause_s for part in segments)
    return round(AROUND_S + speech_s, 2)


def gender_of(voice: str) -> Gender | None:
    """Return the gender that the words of a voice's name suggest; None if they suggest none.

    >>> gender_of("Queen Elizabeth"), gender_of("Mr. Bean"), gender_of("21 Savage")
    ('female', 'male', None)
    """
    for word in voice.lower().replace(".", " ").replace("(", " ").replace(")", " ").split():
        if word in _WOMEN:
            return "female"
        if word in _MEN:
            return "male"
    return None


def _character_s(character: str) -> float:
    return LOWER_CASE_S if character.islower() or character.isspace() else OTHER_CHARACTER_S
