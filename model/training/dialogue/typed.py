"""What becomes of a question under people's fingers, and how it names one of several pictures."""

from random import Random


def as_typed(question: str, rng: Random) -> str:
    """As people type: capitals or none, with or without the mark, a please, a slip."""
    roll = rng.random()
    text = question[0].upper() + question[1:] if rng.random() < 0.8 else question
    if roll < 0.06:
        text = (
            rng.choice(
                (
                    "Please: ",
                    "Please, ",
                    "Now, ",
                    "Hey, ",
                    "Tell me: ",
                    "Question: ",
                    "Hi! ",
                    "And now: ",
                    "Hello, ",
                    "OK. ",
                    "Quick question: ",
                )
            )
            + text
        )
    elif roll < 0.12:
        text = text.rstrip("?.!") + rng.choice(
            (", please?", " please", ", please.", " now?", "??", " ?", "!")
        )
    elif roll < 0.2:
        text = text.rstrip("?.!")
    if rng.random() < 0.22:
        text = text.lower()
    elif rng.random() < 0.02:
        text = text.upper()
    if rng.random() < 0.05:
        text = _slip(text, rng)
    return text


def _slip(text: str, rng: Random) -> str:
    """One mistyped letter inside a word: left out, doubled, or in its neighbour's place."""
    place = rng.randrange(len(text))
    if not text[place].isalpha():
        return text
    left, letter, right = text[:place], text[place], text[place + 1 :]
    turned = right[:1] + letter + right[1:] if right[:1].isalpha() else letter + right
    return left + rng.choice((right, letter * 2 + right, turned))


def about(question: str, which: str, rng: Random) -> str:
    """The question, asked of the picture named `which`."""
    for word in (
        "picture",
        "image",
        "drawing",
        "photo",
        "scene",
        "figure",
        "canvas",
        "graphic",
    ):
        for before in (
            f"in the {word}",
            f"on the {word}",
            f"in this {word}",
            f"on this {word}",
            f"of the {word}",
            f"of this {word}",
            f"the {word}",
            f"this {word}",
            f"my {word}",
        ):
            if before in question:
                head = before.split(" ")[0]
                return question.replace(
                    before, f"{head} {which}" if head in ("in", "on", "of") else which, 1
                )
    end = question[-1] if question[-1] in "?.!" else ""
    body = question.removesuffix(end)
    if rng.random() < 0.4:
        return f"In {which}, {body[0].lower() + body[1:]}{end}"
    return f"{body} in {which}{end}"
