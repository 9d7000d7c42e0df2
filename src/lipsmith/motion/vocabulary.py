"""Vocabulary of directions, in English.

Phrases are in plain form: lower case, each word as in `FORMS`, without the words of `SILENT`. So "looks to the left"
and "looking left" are both ``look left``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Literal


def _words(text: str) -> frozenset[str]:
    return frozenset(text.split())


ActName = Literal[
    "nod", "shake", "tilt", "tilt_left", "tilt_right", "turn_left", "turn_right", "head_up", "head_down",
    "look_left", "look_right", "look_up", "look_down", "look_away", "look_around", "look_camera",
    "smile", "serious", "sad", "angry", "surprised", "tender", "raise_brows", "frown",
    "blink", "close_eyes", "wink", "wink_left", "wink_right",
    "calm", "energetic", "move_head", "still", "lean_in", "lean_back", "zoom_in", "zoom_out", "sway",
]  # fmt: skip
When = Literal["whole", "beginning", "middle", "end", "pauses", "sometimes"]

ACTS: Mapping[ActName, tuple[str, ...]] = {
    "nod": ("nod", "nod head", "head nod", "bob head"),
    "shake": ("shake", "shake head", "head shake", "headshake", "shake head side side"),
    "tilt": ("tilt", "tilt head", "head tilt", "tilt head side", "tilt side", "cock head"),
    "tilt_left": ("tilt left", "tilt head left", "head tilt left", "lean head left"),
    "tilt_right": ("tilt right", "tilt head right", "head tilt right", "lean head right"),
    "turn_left": ("turn left", "turn head left", "head turn left", "face left", "head left"),
    "turn_right": ("turn right", "turn head right", "head turn right", "face right", "head right"),
    "head_up": ("head up", "chin up", "raise head", "lift head", "raise chin", "lift chin", "tilt head up"),
    "head_down": ("head down", "chin down", "lower head", "lower chin", "bow", "bow head", "tilt head down"),
    "look_left": ("look left", "glance left", "eye left", "look left side"),
    "look_right": ("look right", "glance right", "eye right", "look right side"),
    "look_up": ("look up", "glance up", "eye up"),
    "look_down": ("look down", "glance down", "eye down", "downcast", "downcast eye"),
    "look_away": (
        "look away", "glance away", "avert eye", "look away from", "look away from camera", "look side",
        "look elsewhere", "glance side",
    ),
    "look_around": ("look around", "glance around", "look about", "eye wander", "wander eye"),
    "look_camera": (
        "look camera", "look into camera", "look in camera", "look at camera", "look straight camera", "face camera",
        "eye contact", "keep eye contact", "make eye contact", "look straight", "look straight ahead", "look ahead",
        "look straight at camera", "look straight into camera", "look directly at camera", "look directly into camera",
        "look at me", "look at us", "eye on camera", "hold eye contact", "maintain eye contact",
    ),
    "smile": (
        "smile", "smiley", "grin", "happy", "happily", "happiness", "cheerful", "cheerfully", "joyful", "joyfully",
        "friendly", "warm", "warmly", "glad", "delighted", "pleased", "smirk", "beam",
    ),
    "serious": (
        "serious", "seriously", "stern", "sternly", "grave", "gravely", "solemn", "solemnly", "neutral expression",
        "straight face", "poker face", "deadpan", "neutral", "earnest", "severe",
    ),
    "sad": ("sad", "sadly", "sadness", "unhappy", "sorrowful", "melancholy", "gloomy", "mournful", "depressed"),
    "angry": ("angry", "angrily", "anger", "furious", "annoyed", "mad", "irritated", "grumpy"),
    "tender": ("tender", "tenderly", "tenderness", "loving", "lovingly", "affectionate", "affectionately"),
    "surprised": (
        "surprised", "surprise", "astonished", "astonishment", "amazed", "amazement", "shocked", "startled",
        "astounded", "wow",
    ),
    "raise_brows": (
        "raise brow", "lift brow", "brow up", "brow raise", "brow lift", "high brow", "brow high", "arch brow",
    ),
    "frown": (
        "frown", "furrow brow", "knit brow", "lower brow", "brow down", "brow furrow", "scowl", "wrinkle brow",
        "brow lower", "concerned", "worried", "skeptical",
    ),
    "blink": ("blink", "blink eye", "bat eye", "flutter eye", "eye blink"),
    "close_eyes": ("close eye", "shut eye", "eye close", "eye shut", "keep eye close"),
    "wink": ("wink", "wink eye", "give wink"),
    "wink_left": ("wink left", "wink left eye", "left eye wink", "wink with left eye"),
    "wink_right": ("wink right", "wink right eye", "right eye wink", "wink with right eye"),
    "calm": (
        "calm", "calmly", "relaxed", "relax", "composed", "quiet", "quietly", "serene", "serenely", "peaceful",
        "tranquil", "reserved", "restrained",
    ),
    "energetic": (
        "energetic", "energetically", "lively", "animated", "animatedly", "enthusiastic", "enthusiastically",
        "enthusiasm", "excited", "excitedly", "excitement", "expressive", "expressively", "vivid", "dynamic",
        "passionate", "passionately", "full energy", "energy",
    ),
    "move_head": ("move head", "head move", "head movement", "movement head", "head gesture", "move", "movement"),
    "still": (
        "still", "hold still", "keep still", "stay still", "stand still", "sit still", "be still", "remain still",
        "head still", "still head", "keep head still", "hold head still", "motionless", "stay motionless",
        "static head", "head static", "hold head", "freeze", "frozen", "immobile",
    ),
    "lean_in": (
        "lean in", "lean forward", "lean close", "lean camera", "lean into camera", "move close", "come close",
        "lean in camera",
    ),
    "lean_back": ("lean back", "lean away", "lean out", "move back", "move away", "back away", "draw back"),
    "zoom_in": (
        "zoom in", "zoom", "camera zoom in", "camera zoom", "zoom in on face", "push in", "camera push in",
        "camera move close", "camera come close", "zoom in on",
    ),
    "zoom_out": ("zoom out", "camera zoom out", "pull out", "camera pull out", "camera pull back", "camera move back",
                 "zoom back"),
    "sway": ("sway", "sway side side", "rock", "rock side side", "sway head", "sway from side side", "head sway"),
}  # fmt: skip
"""What lipsmith can act on, and every way to say it."""

WHEN: Mapping[When, tuple[str, ...]] = {
    "whole": (
        "whole time", "all time", "throughout", "always", "constantly", "continuously", "entire time", "all along",
        "whole clip", "whole video", "throughout clip", "throughout video", "from start end", "from start finish",
        "during whole clip", "during whole video", "entire clip", "entire video", "from beginning end",
    ),
    "beginning": (
        "at beginning", "in beginning", "at start", "at very beginning", "at very start", "at first", "initially",
        "first", "beginning", "right at beginning", "right at start", "in first second", "when start", "early on",
    ),
    "middle": ("in middle", "halfway", "midway", "in very middle", "halfway through"),
    "end": (
        "at end", "in end", "at very end", "finally", "at last", "in last second", "end",
        "right at end", "near end", "before end", "lastly", "when finish", "at close",
    ),
    "pauses": (
        "during pause", "in pause", "during all pause", "when pause", "while pause", "between sentence",
        "between phrase", "between word", "when silent", "while silent", "during silence", "in silence",
        "when not speak", "while not speak", "when not talk", "while not talk", "at pause", "on pause",
        "during speech pause", "in between sentence",
    ),
    "sometimes": (
        "occasionally", "occasional", "sometimes", "now and then", "every now and then", "from time time",
        "once in while", "every once in while", "now and again", "at times", "here and there", "every so often",
    ),
}  # fmt: skip
"""Time of an act. Acts without one last for the whole clip."""

INTENSITY: Mapping[str, float] = {
    "faint": 0.4, "faintly": 0.4, "tiny": 0.4, "minimal": 0.4,
    "slight": 0.5, "slightly": 0.5, "little": 0.5, "little bit": 0.5, "bit": 0.5, "touch": 0.5, "somewhat": 0.7,
    "subtle": 0.5, "subtly": 0.5, "small": 0.5, "gentle": 0.6, "gently": 0.6, "soft": 0.6, "softly": 0.6,
    "mild": 0.6, "mildly": 0.6, "light": 0.6, "lightly": 0.6, "moderate": 0.8, "moderately": 0.8,
    "not too": 0.5, "not very": 0.5, "not so": 0.5, "not too strong": 0.5, "not too strongly": 0.5,
    "not too much": 0.5, "too much": 0.5, "too strongly": 0.5, "too often": 0.5, "so much": 0.5, "at all": 1.0,
    "clearly": 1.2, "clear": 1.2, "noticeably": 1.2, "more": 1.4, "big": 1.5, "broad": 1.5, "broadly": 1.5,
    "wide": 1.5, "widely": 1.5, "deep": 1.5, "deeply": 1.5, "often": 1.5, "frequently": 1.5, "frequent": 1.5,
    "lot": 1.6, "much": 1.5, "strong": 1.6, "strongly": 1.6, "firm": 1.4, "firmly": 1.4, "heavily": 1.6,
    "vigorous": 1.7, "vigorously": 1.7, "intensely": 1.7, "intense": 1.7, "dramatic": 1.7, "dramatically": 1.7,
}  # fmt: skip
"""Degree of an act, relative to 1 without such a word."""

AMPLIFIERS: Mapping[str, float] = {
    "quite": 1.2, "pretty": 1.2, "really": 1.4, "very": 1.5, "so": 1.3, "extremely": 1.9, "incredibly": 1.9,
    "completely": 1.5, "totally": 1.5, "perfectly": 1.5, "absolutely": 1.5, "exceptionally": 1.8,
}  # fmt: skip
"""Words that strengthen an act, or the degree next to them, up or down."""

LESS: Mapping[str, float] = {
    "less": 0.5, "fewer": 0.5, "rarely": 0.7, "seldom": 0.7, "hardly": 0.8, "barely": 0.8,
    "scarcely": 0.8, "hardly ever": 0.9, "less often": 0.5, "reduce": 0.5, "minimize": 0.8, "limit": 0.5,
}  # fmt: skip
"""Words that remove this share of existing motion."""

NEGATORS = _words(
    "not no never without avoid stop don't dont doesn't doesnt didn't isn't aren't won't shouldn't shouldnt can't "
    "cannot mustn't neither nor refrain"
)
"""Words that forbid what follows, up to the end of the clause."""

CONNECTORS = _words("and then but while whereas or nor plus yet as when before after also &")
"""Words that begin a new clause."""

SILENT = _words("the a an your his her their my its our to toward towards of")
"""Words without effect, at any place."""

PLAIN = _words(
    "person man woman girl boy lady guy speaker subject character presenter portrait photo video clip she he they it "
    "you i we him them one face head eye mouth please should must may can will would let make do does did have has is "
    "are was be being get stay keep remain look appear seem feel act want need give show perform start begin try "
    "with in on from for during at by that this these who which there so even just naturally natural normal normally "
    "realistic realistically usual speak talk say tell expression facial tone manner way mood posture time always "
    "only mostly generally but and then while as when if also very way kind sort like side hold maintain use sound "
    "once if well could than smooth smoothly him herself himself themselves yourself itself"
)
"""Words that request nothing by themselves. A phrase of such words alone is not a request."""

_FORMS = """
nod: nods nodding nodded; shake: shakes shaking shook; tilt: tilts tilting tilted; turn: turns turning turned
look: looks looking looked gaze gazes gazing stare stares staring; glance: glances glancing glanced; bow: bows bowing
smile: smiles smiling smiled; grin: grins grinning grinned; smirk: smirks smirking; beam: beams beaming
frown: frowns frowning frowned; scowl: scowls scowling; raise: raises raising raised; lift: lifts lifting lifted
lower: lowers lowering lowered; furrow: furrows furrowing furrowed; knit: knits knitting knitted; arch: arched arching
wrinkle: wrinkles wrinkled wrinkling; brow: brows eyebrow eyebrows; blink: blinks blinking blinked
wink: winks winking winked; bat: bats batting; flutter: flutters fluttering; close: closes closing closed closer nearer
shut: shuts shutting; lean: leans leaning leaned leant; zoom: zooms zooming zoomed; sway: sways swaying swayed
rock: rocks rocking rocked; push: pushes pushing; pull: pulls pulling; draw: draws drawing; back: backward backwards
move: moves moving moved; movement: movements motion motions; keep: keeps keeping kept; hold: holds holding held
stay: stays staying stayed; stand: stands standing; sit: sits sitting; remain: remains remaining
come: comes coming; give: gives giving; make: makes making; maintain: maintains maintaining; bob: bobs bobbing
cock: cocks cocking; avert: averts averting averted; wander: wanders wandering; relax: relaxes relaxing
freeze: freezes freezing; pause: pauses pausing; sentence: sentences; phrase: phrases; word: words; second: seconds
speak: speaks speaking spoke; talk: talks talking talked; say: says saying; tell: tells telling; start: starts starting
begin: begins; finish: finishes finishing; head: heads; eye: eyes eyelid eyelids eyelash eyelashes lashes
camera: viewer viewers audience lens; side: sideways sidewards; left: leftward leftwards; right: rightward rightwards
up: upward upwards; down: downward downwards; forward: forwards; avoid: avoids avoiding; stop: stops stopping stopped
refrain: refrains refraining; reduce: reduces reducing reduced; minimize: minimizes minimizing minimise minimises
limit: limits limited limiting; person: persons people; be: been; show: shows showing; feel: feels feeling
appear: appears appearing; seem: seems seeming; act: acts acting; end: ending ends; gesture: gestures gesturing
surprised: surprisingly; face: faces facing; cheerful: cheery; skeptical: sceptical doubtful doubting
have: having; use: uses using; perform: performs performing; try: tries trying; angry: angered
expression: expressions; sound: sounds sounding; want: wants; need: needs; let: lets; straight: straightforwardly
"""

FORMS: Mapping[str, str] = {
    form: base.strip()
    for base, forms in (entry.split(":") for entry in _FORMS.replace("\n", ";").split(";") if ":" in entry)
    for form in forms.split()
}
"""Other forms and synonyms -> the word that the phrases use."""

SLOW = frozenset({"slow", "slowly"})
SLOW_ACTS: frozenset[ActName] = frozenset({"zoom_in", "zoom_out", "sway", "lean_in", "lean_back"})
"""Acts that are always slow. All others have a fixed pace."""

CAVEATS: Mapping[ActName, str] = {
    "zoom_in": "the head comes up to 6 % nearer, and what is behind it stays as it is",
    "zoom_out": "the head goes up to 6 % farther away, and what is behind it stays as it is",
}
"""Differences between the request and the motion."""

ALONE = _words("move movement neutral warm vivid dynamic quiet rock beam energy bow freeze shake still zoom")
"""One-word phrases that mean something else next to an unknown word: "move your hands", "warm light"."""

LAST = frozenset({"still"})
"""One-word phrases that count only at the end of a clause: "be still", but not "still smiling"."""
