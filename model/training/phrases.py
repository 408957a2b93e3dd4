"""The ways in which people ask: a small grammar of questions, as data.

`(a|b|)` is a choice, `{name}` a slot. Nothing here is used to score the model:
`model/evaluation/questions.py` has phrasings of its own.
"""

import re
from random import Random

_CHOICE = re.compile(r"\(([^()]*)\)")


def expand(pattern: str, rng: Random, **slots: str) -> str:
    """One sentence of the pattern: choices from the inside out, then slots, then tidy spaces."""
    while match := _CHOICE.search(pattern):
        pattern = (
            pattern[: match.start()] + rng.choice(match[1].split("|")) + pattern[match.end() :]
        )
    return (
        re.sub(r"\s+", " ", pattern.format(**slots)).replace(" ?", "?").replace(" .", ".").strip()
    )


PICTURE = "(picture|image|drawing|picture|image|photo|scene|figure|canvas|graphic)"
IN_PICTURE = f"(|||in the {PICTURE}|in this {PICTURE}|here|on the {PICTURE}|there|in it)"
THINGS = "(shapes|objects|things|figures|items|shapes|objects|elements|forms)"
THING = "(shape|object|thing|figure|one|item|shape|form|element)"
COLOR = "(color|colour)"
SEE = "(do you see|can you see|are visible|can be seen|are shown|are drawn|appear|can you find|are present|can you spot|are depicted|does it show|do you notice)"

DESCRIBE = (
    f"(Describe|Please describe|Describe to me|Can you describe|Could you describe|Explain|Summarize) (the|this|my) {PICTURE}( for me||| briefly| in a sentence| please| shortly).",
    f"What (do|can) you see {IN_PICTURE}?",
    f"What (is|'s) (in|on|shown in|drawn in|depicted in|inside) (the|this) {PICTURE}?",
    f"What does (the|this) {PICTURE} (show|contain|depict|have in it|display|consist of)?",
    "What (is|'s) (shown|drawn|depicted|visible|pictured|there|displayed|here|present)( here|| in the picture| in this image)?",
    f"(Tell me|Say|Explain|Please tell me|Can you tell me|Could you tell me|I want to know) what (you see|is there|you can see|is in the {PICTURE}|it shows|the {PICTURE} shows|this is|is drawn).",
    f"(List|Name|Please list|Enumerate|Mention|Give me|Identify|Tell me|Write down|Show me|Point out) (all |all of ||)(the |the )(shapes|objects|things|figures|items) {IN_PICTURE}.",
    f"(What|Which) (kinds of |types of |sort of |||)(shapes|objects|things|figures|items|forms) {SEE} {IN_PICTURE}?",
    f"(What|Which) (shapes|objects|things|figures|items|forms) are (there|in the {PICTURE}|on the {PICTURE}|in this {PICTURE}|here|in there|these)?",
    f"(Give|Write|Make|Provide|I need|I'd like|Can you give) (me |us ||)(a|one|a short|a brief|a quick) (description|summary|overview|caption)( of the {PICTURE}| of this {PICTURE}| of it||).",
    f"(Caption|Summarize|Analyze|Look at|Inspect) (this|the) {PICTURE}( please|).",
    "What is this( a picture of| showing|)?",
    "What's this?",
    "What am I looking at?",
    f"What {THINGS} does (the|this) {PICTURE} (have|contain|show|include)?",
    "(And|So|OK,|Now,) what (do you see|is there|is in it|is in the picture|does it show)(| now| here)?",
    "Tell me about (the|this) (picture|image|drawing|scene).",
    "What did I draw?",
    f"(Describe|List|Name|Tell me about) (all |all of |each of |every one of ||)the (shapes|objects|things|figures|contents|elements)( of the {PICTURE}| in the {PICTURE}||)( with their colors| with their colours| and their colors| and colors||).",
    f"(Name|List|Describe) (every|each) (shape|object|thing|figure)( you see| in the {PICTURE}| here||)( and its color| with its colour||).",
    f"(What|Which) (shapes and colors|colors and shapes|shapes and colours|colored shapes|coloured shapes|objects) {SEE} {IN_PICTURE}?",
    "(Describe|Explain) (it|this|that)( to me| for me| please||).",
    f"What (all |) (is|can be found|do we have|have we got) (here|in it|in this {PICTURE}|on this {PICTURE})?",
    f"(Could|Can|Would) you (tell me|say|list|explain|name) what (you see|is shown|is drawn|there is|you can see|it shows|is there)( in the {PICTURE}| in this {PICTURE}| here||)?",
    "What have I (drawn|sent you|uploaded|shared|given you)?",
    "What is everything (in|on) (the|this) (picture|image)?",
    "(Describe|List|Name) (everything|all|what is there|all you see|what you see|everything you see).",
)
DETAIL = (
    f"Describe (the|this) {PICTURE} (in detail|with places|with positions|and say where things are|in full detail|thoroughly|including positions|precisely).",
    "(What|Which) (things|shapes|objects) (do you see|are there|can you see) and where (are they|is each|is each one)?",
    "(Where is|Say where|Tell me where|Where's) (each|every|each of the) (thing|shape|object)( is||).",
    "(Give|Write) (me |)a (detailed|full|complete|long) description.",
    "Where are (the|all the|all) (things|shapes|objects|figures)?",
    "(List|Name) (the|all the) (shapes|objects|things) (and where they are|with their positions|and their positions|and their places).",
)
COUNT = (
    f"How many {{what}} (are there|{SEE}|are there|are there|are in the {PICTURE}|are on the {PICTURE}|do we have|does the {PICTURE} have|does the {PICTURE} contain|are in this {PICTURE}|does it have|exist) {IN_PICTURE}?",
    "How many {what}?",
    f"(Count|Please count|Can you count|Could you count|Can you please count) (the |all |all the |the ){{what}} {IN_PICTURE}.",
    f"(What is|What's|Tell me|Give me|Say|I need) the (number|count|amount|total|total number) of {{what}} {IN_PICTURE}?",
    f"(Tell me|Say|Please tell me|Can you tell me|Could you tell me|Do you know|I want to know|I wonder) how many {{what}} (there are|you see|are there|you can see|are in the {PICTURE}|the {PICTURE} has|it has).",
    f"How many {{what}} (are there|are there|do you see|can you see|does it show|do we have) (in total|in all|altogether|overall|all in all|all together|at all)( in the {PICTURE}||)?",
    "(All in all|Overall|Altogether|Together), how many {what} (are there|do you see|are shown)?",
    f"(What is|What's) the (total|count|overall number|exact number|sum) of (all |all the |) {{what}}( in the {PICTURE}| here||)?",
    f"How many {{what}} has (the|this) {PICTURE}( got|)?",
    "(Give me|Tell me|Make|I want) (a|the) (count|tally|number) of (the |all |all the |) {what}.",
    f"(In|On) (the|this) {PICTURE}, how many {{what}} (are there|do you see|are shown|can you count|exist)?",
    "(And|So|OK,|Now) how many {what}( are there| do you see|)?",
    "Number of {what}?",
    "{what}: how many?",
)
# Adjectives that are no colors: what they stand before is counted all the same.
ANY = (
    "different", "single", "individual", "distinct", "drawn", "colored", "small", "whole",
    "various", "visible", "unique", "simple", "geometric", "little", "big", "nice", "clear",
    "existing", "main", "basic", "pretty", "separable", "tiny", "bright", "total", "other",
    "isolated", "disjoint", "actual", "real", "flat", "solid", "filled", "painted", "present",
    "possible", "certain", "several", "complete", "detached", "independent", "discrete",
    "recognizable", "noticeable", "disconnected", "lone", "free", "loose", "standalone", "sole",
    "countable", "discernible", "apparent", "obvious", "identifiable", "sketched", "outlined",
    "coloured", "printed", "given", "displayed", "depicted", "illustrated", "regular", "closed",
    "proper", "new", "old", "great", "fine", "lovely", "cute", "funny", "strange", "random",
    "assorted", "mixed", "remaining", "available", "spaced", "scattered", "standing", "floating",
)  # fmt: skip
# Counts without a noun: everything is meant.
COUNT_ALL = (
    "How many are (there|in it|here|in the picture|on it)( in total| in all| altogether||)?",
    "How many (do|can) you (see|count|find|spot)?",
    "What is the (total|count)?",
    "(Count|Please count) (them|them all|everything|all of them|all)( for me||).",
    "How many( in total| in all| altogether|)?",
)
# "How many shapes are red?", "How many of the shapes are stars?"
COUNT_WHICH = (
    f"How many (of the |of the |of all the |of these ||||) {THINGS} (are|are|are|look) {{property}}?",
    f"How many (of the |||) {THINGS} (in|on) (the|this) {PICTURE} are {{property}}?",
    f"How many {THINGS} are {{property}}( in the {PICTURE}| here| in this {PICTURE}||)?",
    "How many are {property}?",
    f"(Tell me|Say|Count) how many (of the |||) {THINGS} are {{property}}.",
    f"(Count|Number) the {THINGS} that are {{property}}.",
)
COUNT_THEM = (
    "How many of (them|these|those) are {property}?",
    "And how many (of them |)are {property}?",
    "(Which number of|How many) (them|these) is {property}?",
)
COLOR_OF = (
    f"What {COLOR} is {{it}}( in the {PICTURE}|||)?",
    f"(What is|What's) the {COLOR} of {{it}}( in the {PICTURE}|||)?",
    f"(What|Which) {COLOR} (does|has) {{it}}( have| got|)?",
    f"(Which|In which|In what) {COLOR} is {{it}}( drawn| painted| shown| filled||)?",
    f"(Tell me|Name|Say|Give me|Identify|Give|State|Please name|Can you tell me|Could you tell me|Do you know|I want to know) the {COLOR} of {{it}}( in the {PICTURE}|||).",
    f"(Tell me|Say|Can you tell me|Please tell me|Do you know|Can you say|Could you say) (what|which) {COLOR} {{it}} (is|has).",
    f"{{it}} is (what|which) {COLOR}?",
    "(What|How) is {it} colored?",
    "How is {it} (coloured|painted|colored in)?",
    f"(What|Which) {COLOR} (was|is) used for {{it}}?",
    f"(What|Which) {COLOR} (was|is) {{it}} (drawn in|painted in|filled with|drawn with|painted with|made in|shown in)?",
    "(What|Which) (hue|tone|shade|paint) (does {it} have|is {it})?",
    f"(I'd like|I would like|I want|I need) to know (the {COLOR} of {{it}}|what {COLOR} {{it}} is|which {COLOR} {{it}} has).",
    f"{{it}}(:|,) (what|which) {COLOR}( is it| does it have||)?",
    f"(What|Which) {COLOR} (do you see on|would you call|do you think is|can you see for) {{it}}?",
    f"(And|So|Now|OK,) (what|which) {COLOR} is {{it}}?",
    f"(And|) the {COLOR} of {{it}}?",
    f"What is {{it}}'s {COLOR}?",
    f"{{it}} has (what|which) {COLOR}?",
)
SHAPE_OF = (
    f"(What|Which) (shape|figure|form|kind of shape|type of shape) is {{it}}( in the {PICTURE}|||)?",
    f"(What is|What's) the (shape|form) of {{it}}( in the {PICTURE}|||)?",
    f"What (is|kind of thing is|kind of object is) {{it}}( in the {PICTURE}|||)?",
    "What (shape|form) does {it} have?",
    "(What|Which) (kind|type|sort) of (shape|figure|form|object) is {it}?",
    "(What|Which) geometric (shape|form|figure) is {it}?",
    "(What|Which) (shape|form) (was|is) (drawn|used|chosen) for {it}?",
    "(Tell me|Name|Say|Identify|Give me|Please name|Can you tell me|Do you know) the shape of {it}.",
    "(Tell me|Say|Can you tell me|Please tell me|Do you know) (what|which) (shape {it} is|{it} is|shape {it} has).",
    "{it} (is|has) (what|which) shape?",
    "(And|So|Now|OK,) (what|which) shape is {it}?",
    "Identify {it}.",
)
WHICH_IS = (
    f"(What|Which) {THING} is {{color}}( in the {PICTURE}|| here|)?",
    f"(What|Which) (is|one is) {{color}}( in the {PICTURE}|||)?",
    "(What|Which) (shape|object|thing|figure) (has|comes in|is of) the (color|colour) {color}?",
    "(Name|Find|Tell me|Show me|Identify) the (shape|thing|object) that is {color}.",
    "(What|Which) of the (shapes|things|objects|figures) is {color}?",
    "(What|Which) (shape|thing|object) is (colored|painted|drawn in|filled with) {color}?",
    "What {color} (shape|thing|object) (is there|do you see|can you see|is in the picture)?",
    "(What|Which) (shape|thing|object|figure|item) (is|was) (drawn|painted|colored|coloured|shown|filled|made) (in |){color}?",
    "(What|Which) (shape|thing|object|figure) is {color} in (color|colour)?",
    "(What|Which) (geometric|drawn) (shape|figure) is {color}?",
    "What is {color} (here|in this picture|in this image|on the canvas|there)?",
)
EXISTS = (
    f"(Is|Is) there {{some}} {IN_PICTURE}?",
    f"(Do|Can) you (see|find|spot|see|detect|notice) {{some}} {IN_PICTURE}?",
    f"(Does|Does) (the|this) {PICTURE} (contain|have|show|include|depict) {{some}}?",
    "(Is|Is) {some} (in|on|part of|visible in|shown in|present in|drawn in) (the|this) (picture|image|drawing|scene)?",
    "(And|So|OK,|Now,) is there {some}?",
    f"(In|On) (the|this) {PICTURE}, is there {{some}}?",
    "Tell me (if|whether) there is {some}.",
    "Is {some} (visible|there|present|drawn|shown|in it|here)?",
    "Can {some} be (seen|found)( here| in the picture|)?",
    "(Did I draw|Is it true that there is|Could there be|Does it have) {some}?",
    "Is {some} (one of|part of) the (shapes|things|objects|figures)?",
    "Is (one|any|some|at least one) of the (shapes|things|objects|figures) {some}?",
    "Does {some} (appear|exist|occur|show up|come up)( here| in the picture| in this image| anywhere|)?",
    "(Has|Have) (the|this) (picture|image|drawing|scene) got {some}?",
    "(Do we have|Have we got|Is there anywhere|Is there perhaps|Is there also|Can one see|Will I find) {some}( here| in the picture||)?",
    "Tell me if (there's|you see|you can see|it has|the picture has) {some}.",
    "(Do|Can) you (see|find|spot|notice) {some} (anywhere|at all|in there|on the canvas)?",
    "(I wonder|I want to know|Say|Check) (if|whether) there is {some}.",
)
# "Is any of the shapes red?"
ANY_COLORED = (
    "(Is|Are) (any|one|some) of the (shapes|things|objects|figures) {color}?",
    "Is (any|some|one) (shape|thing|object|figure) {color}?",
    "Is (anything|something) (in the picture|in this image|here|there|drawn in|that you see) {color}?",
    "(Is|Was) (anything|something) (drawn|painted|colored|coloured) (in |){color}?",
    "Does (the|this) (picture|image|drawing) (have|contain|show) (anything|something|any) {color}?",
)
EXISTS_PLURAL = (
    f"Are there (any ||any ){{some}} {IN_PICTURE}?",
    f"(Do|Can) you (see|find|spot) (any|) {{some}} {IN_PICTURE}?",
    "(Any|Are any) {some}( here| there| in the picture| present| visible||)?",
    "Does (the|this) (picture|image|drawing) (contain|have|show) (any |){some}?",
    "Are (any|some) of the (shapes|things|objects|figures) {some}?",
    "(Do|Can) you (see|find|notice) any {some} (here|anywhere|in this image|in the drawing)?",
)
IS_COLOR = (
    "Is {it} {color}( in the picture|||)?",
    "(Is|Does) {it} (really |)(of color|the color|have the color|colored|of the color) {color}?",
    "(Would you say|Do you think|Is it true|Am I right|Can you confirm) (that |){it} is {color}?",
    "{it} is {color}, (right|isn't it|correct|true|yes)?",
    "Tell me (if|whether) {it} is {color}.",
    "(And|So) is {it} {color}?",
)
IS_SHAPE = (
    "Is {it} {some}( in the picture|||)?",
    "(Would you say|Do you think|Is it true|Am I right|Can you confirm) (that |){it} is {some}?",
    "{it} is {some}, (right|isn't it|correct|true|yes)?",
    "(And|So) is {it} {some}?",
    "Tell me (if|whether) {it} is {some}.",
)
IS_COUNT = (
    "(Are|Are) there (exactly |just |only |) {number} {what} {where}?",
    "(Do|Can) you see (exactly |) {number} {what}?",
    "Is the number of {what} {number}?",
    "Does the (picture|image|drawing) (have|show|contain) {number} {what}?",
)
MORE_THAN = (
    "(Are|Are) there more than {number} {what}( in the picture||)?",
    "(Do|Can) you see more than {number} {what}?",
)
LESS_THAN = ("(Are|Are) there (fewer|less) than {number} {what}( in the picture||)?",)
WHERE = (
    f"Where is {{it}}( in the {PICTURE}|||)?",
    "Where's {it}?",
    f"(In|On) (which|what) (part|area|region|corner|side|place) (of the {PICTURE} |)is {{it}}?",
    "(What is|What's|Tell me|Give me|Say|Describe|Name) the (position|location|place) of {it}.",
    "Where (can I find|do you see|does {it} appear, where is|would I find|can you see|should I look for|do I find) {it}?",
    "(Locate|Find|Point to|Show me) {it}.",
    "(Tell me|Say|Can you tell me|Please tell me|Do you know|Could you say) where {it} is.",
    "Where (exactly |)is {it} (located|placed|positioned|drawn|situated|found)( in the image||)?",
    "(And|So|Now|OK,) where is {it}?",
    "{it}: where is it?",
    "(At|In) (which|what) (place|position|location) is {it}?",
    "{it} is where?",
    f"(Which|What) (part|area|region|side|corner|place|section) (of the {PICTURE} |of it |)(is {{it}} in|holds {{it}}|contains {{it}}|does {{it}} lie in)?",
    "Where (was {it} drawn|was {it} placed|has {it} been drawn|has {it} been put)?",
    "Where (does {it} sit|does {it} lie|does {it} stand|do I see {it}|might {it} be)?",
    f"Where in (the|this) {PICTURE} (is|lies|do you see|can I see) {{it}}?",
    "(In|At|On) (which|what) (corner or area|spot|end|section|direction) is {it}?",
    "(I'd like|I want) to know where {it} is.",
    "Where (did I|did you|have I|did somebody) (put|place|set|leave|paint|position) {it}?",
    "(In|At|On) (which|what) (place|part|area|corner|region|position|location|side) (did I|have I|did somebody) (put|place|draw|set|paint|leave) {it}?",
    "(Which|What) (spot|place|position|corner) (did I choose for|did I give|belongs to|is taken by|holds|has) {it}?",
    "(In|At) (which|what) spot (is|was|lies|sits|do you see|can you see|can I find) {it}( drawn||)?",
    "{it} (was put|was placed|has been put|was drawn|is drawn) (where|in which place|at which spot)?",
)
WHAT_AT = (
    f"What (is|'s) {{place}}( of the {PICTURE}|||)?",
    f"(What|Which) {THING} (is|is drawn|do you see|can you see|can be seen|is located|sits|lies) {{place}}( of the {PICTURE}|||)?",
    f"What (do you see|can you see|can be seen|is there|is drawn|is shown|is located|did I draw) {{place}}( of the {PICTURE}|||)?",
    "(Tell me|Say|Name|Can you tell me|Do you know) what is {place}.",
    "(Describe|Name|Identify) the (shape|thing|object|figure|item) {place}.",
    "(And|So|Now) what (is|about) {place}?",
    "{place}, what (do you see|is there)?",
    f"(What|Which) {THING} (can be found|is to be seen|do I see|is visible|appears|is shown|is placed|is positioned) {{place}}( of the {PICTURE}||)?",
    f"What (appears|lies|sits|is visible|is placed|can I see|has been drawn|was drawn) {{place}}( of the {PICTURE}||)?",
    "(Which|What) (shapes|things|objects) are {place}?",
    "What (did I|have I|did somebody) (put|set|paint|leave) {place}?",
    "(Which|What) (thing|shape|object) (did I|have I) (put|place|draw|paint) {place}?",
)
ANYTHING_AT = (
    "Is (there |)(anything|something|a shape|an object) {place}( of the picture|||)?",
    "(Do|Can) you see (anything|something) {place}?",
)
RELATION = (
    "What (is|'s) {rel} {it}( in the picture|||)?",
    f"(What|Which) {THING} (is|is drawn|do you see|can you see|lies|is located|sits|stands|is placed) {{rel}} {{it}}?",
    "What (do you see|can you see|can be seen|is there|is drawn|is shown|is located|lies|sits) {rel} {it}?",
    "(Tell me|Say|Name|Can you tell me|Do you know|Please tell me) what is {rel} {it}.",
    "(Which|What) (shapes|things|objects) are {rel} {it}?",
    "(And|So|Now) what is {rel} {it}?",
    "{rel} {it}, what (do you see|is there)?",
    "(Name|List|Find) (the |all |everything |)(things|shapes|objects) {rel} {it}.",
    "What (can I|would I|do I) find {rel} {it}?",
    "What (appears|was drawn|is visible|is positioned|is placed|is there to see|has been drawn|can I see|comes) {rel} {it}?",
    f"(What|Which) {THING} (appears|can be seen|is located|is shown|is visible|is positioned|is there) {{rel}} {{it}}?",
    "(What|Which) (shapes|things|objects|figures) (do you see|can you see|are there|lie|are drawn|are located) {rel} {it}?",
    "What is (directly|just|right|somewhere|anywhere|immediately) {rel} {it}?",
    "(I'd like|I want) to know what is {rel} {it}.",
    "What (did I|have I|did somebody) (put|place|set|paint|leave) {rel} {it}?",
    "(Which|What) (things|shapes|objects|thing|shape|object) (did I|have I|did somebody) (put|place|set|paint|leave) {rel} {it}?",
    "(In this picture|Here|Now look|Take another look|From what you see), what is {rel} {it}?",
)
ANYTHING_RELATED = (
    "Is (there |)(anything|something|any shape|a shape|some shape|an object|any object) {rel} {it}( in the picture||)?",
    "(Do|Can) you see (anything|something|any shape|any object) {rel} {it}?",
    "(Anything|Something) {rel} {it}?",
    "Is (anything|something|any shape) (drawn|located|placed|shown) {rel} {it}?",
    "Are there (any |)(shapes|things|objects) {rel} {it}?",
)
IS_RELATION = (
    "Is {a} {rel} {b}( in the picture|||)?",
    "(Would you say|Do you think|Is it true|Can you confirm) (that |){a} is {rel} {b}?",
    "{a} is {rel} {b}, (right|isn't it|correct|true)?",
    "(Does|Is) {a} (lie|located|placed|sit|drawn|stand|positioned) {rel} {b}?",
    "(And|So) is {a} {rel} {b}?",
    "Tell me (if|whether) {a} is {rel} {b}.",
    "(Can|Could) you (tell me|say|see|check) (if|whether) {a} is {rel} {b}?",
    "Is {a} (located|placed|positioned|drawn|situated|standing|lying|somewhere|to be found|shown) {rel} {b}?",
    "Does {a} (lie|sit|stand|appear|come) {rel} {b}?",
    "(Can you see|Can you find|Do I see|Is it right that you see) {a} {rel} {b}?",
    "Can {a} be (found|seen) {rel} {b}?",
)
RELATIVE = (
    "Where is {a} (relative to|compared to|compared with|in relation to|with respect to|as seen from) {b}?",
    "(What is|What's) the position of {a} (relative to|compared to) {b}?",
    "On which side of {b} is {a}?",
)
WHICH_FURTHER = (
    "Which is (further|more) (to the |){direction}, {a} or {b}?",
    "(What|Which one|Which) is (further|farther|more) (to the |){direction}: {a} or {b}?",
    "Is {a} or {b} (further|more) (to the |){direction}?",
)
WHICH_HIGHER = (
    "(Which|What|Which one) is {direction}, {a} or {b}?",
    "(Which|What) is {direction}: {a} or {b}?",
    "Is {a} or {b} {direction}?",
)
COLORS = (
    f"(What|Which) (colors|colours) (are there|{SEE}|are in the {PICTURE}|are used|are present|does it have|do the {THINGS} have|are the {THINGS}|do they have|are they) {IN_PICTURE}?",
    f"(List|Name|Tell me|Please list|Enumerate|Mention|Give me|Identify) (all |all of ||)(the |)(colors|colours) {IN_PICTURE}.",
    f"(What|Which) (colors|colours) (do|can) you see {IN_PICTURE}?",
    f"(What|Which) (colors|colours) (does|are in|are on) (the|this) {PICTURE} (have|contain|show|use|)?",
    "(And|So) (what|which) (colors|colours)?",
    f"(What|Which) {COLOR} are (the|all the|these) (shapes|objects|things|figures)( in the {PICTURE}||)?",
    f"(What|Which) (colors|colours) (appear|were used|can be seen|have been used|are shown|are visible|are found|can you find|can you make out) {IN_PICTURE}?",
    f"(Name|List|Give me|Tell me|Show me) (all |all of |every one of ||)(the |the |)(colors|colours) (used|you see|that you see|of the shapes|that are used|of the objects|shown|you can see)( in the {PICTURE}||).",
    "(Can|Could) you (name|list|tell me) (all |)(the |)(colors|colours)( in the picture| of the shapes| you see||)?",
    "What are the (different |various |)(colors|colours)( in this image| of the objects| that you see||)?",
    "What are the (colors|colours)( of the shapes| of the things| in the picture| used||)?",
    "(Tell me|Say) (what|which) (colors|colours) (you see|there are|are there|are used).",
    "In (what|which) (colors|colours) are the (shapes|things|objects|figures)( drawn|)?",
)
EXTREME = (
    "(What|Which) (is the {extreme} (shape|thing|object|figure)|(shape|thing|object|figure|one) is (the |){extreme})( in the picture||)?",
    "(Name|Find|Describe|Tell me) the {extreme} (shape|thing|object).",
)
BACKGROUND = (
    "(What|How) is the background( like|)?",
    "Is the background (dark or light|light or dark)?",
    "(Describe|Tell me about) the background.",
)
AND_IT = (
    "And {it}?",
    "What about {it}?",
    "And what about {it}?",
    "How about {it}?",
    "{it}?",
    "And for {it}?",
    "Now {it}?",
)
COUNT_NOT = (
    "How many (shapes|things|objects|figures) are not {property}?",
    "How many (shapes|things|objects) (aren't|are other than|have another color than) {property}?",
    "Count the (shapes|things|objects) that are not {property}.",
)
IS_AT = (
    "Is {it} {place}( side||)?",
    "Is {it} {place} of the (picture|image|drawing)?",
    "Does {it} (lie|sit|stand) {place}?",
    "Can {it} be found {place}?",
)
IS_AT_PLACE = (
    "Is {it} {place}( of the picture| of the image||)?",
    "Does {it} (lie|sit|stand) {place}?",
    "(Can {it} be found|Do I find {it}|Do you see {it}) {place}?",
)
IS_BIGGER = (
    "Is {a} {extreme} than {b}?",
    "(Does {a} look|Would you say that {a} is) {extreme} than {b}?",
    "Is {a} the {extreme} one of {a} and {b}?",
)
SAME_COLOR = (
    "Are (all|all the|all of the) (shapes|things|objects|figures) (the same color|of the same color|of one color|equally colored)?",
    "(Do|Have) (all|all the|they all) (shapes |things ||)(have |)(the same|one) color?",
    "Is everything (the same color|of one color|in one color)?",
)
AND_IN = (
    "And {in_it}?",
    "(What|How) about {it}?",
    "And {it}?",
    "And what about {it}?",
)
AND_NEW = (
    "And (now|here|this one|in this one|in this picture)?",
    "(What|How) about (this one|this picture|this|now)?",
    "(Now|Here|And this)?",
    "(The same|Same question) (for this one|again|here|for this picture).",
)
