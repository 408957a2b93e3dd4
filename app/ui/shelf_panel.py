"""The shelf of models as HTML. All text is escaped: names come from the hub and from folders.

Knows nothing of Gradio and of how models are got.
"""

from html import escape

from app.shelf import Item, Machine, View
from app.ui.parts import icon
from model.amounts import size_text, time_text

_TAGS = {
    "in use": "in use",
    "coming": "loading",
    "here": "on this machine",
    "begun": "not complete",
    "downloading": "downloading",
}
_ACTS = {
    "absent": (("download", "Download", "main-button"),),
    "begun": (("download", "Resume", "main-button"),),
    "downloading": (("pause", "Pause", "plain-button"),),
    "here": (("use", "Use", "main-button"),),
}
_REMOVE = ("remove", "Remove", "plain-button")


def shelf_list(view: View) -> str:
    """The models, a list item each."""
    return "".join(_row(item, view.machine) for item in view.items)


def machine_line(machine: Machine) -> str:
    """What this machine has, as plain text."""
    return (
        f"This machine has {size_text(machine.memory)} of memory, and {size_text(machine.free)} "
        "free for models."
    )


def _row(item: Item, machine: Machine) -> str:
    tag = _TAGS.get(item.state)
    shown = f'<span class="tag {item.state.replace(" ", "-")}">{tag}</span>' if tag else ""
    good_at = f'<p class="good">{escape(item.good_at)}</p>' if item.good_at else ""
    return (
        f'<li class="model-row" data-model="{escape(item.key)}" data-state="{item.state}" '
        f'data-title="{escape(item.title)}"><div class="what">'
        f"<h3>{escape(item.title)}{shown}</h3>{good_at}"
        f'<p class="facts">{_facts(item, machine)}</p>{_progress(item)}{_trouble(item)}</div>'
        f'<div class="acts">{_buttons(item, machine)}</div></li>'
    )


def _facts(item: Item, machine: Machine) -> str:
    facts = [escape(item.where)]
    if item.state in ("absent", "begun", "downloading") and item.size:
        facts.append(f"{size_text(item.size)} to download")
    elif item.here:
        facts.append(f"{size_text(item.here)} on disk")
    if item.needs:
        facts.append(_memory(item, machine))
    if item.licence:
        facts.append(f"licence: {escape(item.licence)}")
    return " · ".join(facts)


def _memory(item: Item, machine: Machine) -> str:
    """Against this machine's: what is more than that stands out, and is said to be too much."""
    whole, eight, four = (
        f'<span class="too-much" title="More than this machine has">{size_text(size)}</span>'
        if size > machine.memory
        else size_text(size)
        for size in item.needs
    )
    return f"needs {whole} of memory ({eight} at 8 bits, {four} at 4)"


def _progress(item: Item) -> str:
    if item.doing:
        return f'<p class="moving">{escape(item.doing)}</p>'
    if item.state not in ("downloading", "begun"):
        return ""
    if not item.size:
        said = f"{size_text(item.here)} here" if item.here else "Asking Hugging Face"
        return f'<p class="moving">{said}</p>'
    done = min(item.here, item.size)
    said = f"{size_text(done)} of {size_text(item.size)}"
    if item.speed:
        said += f" · {size_text(item.speed)}/s"
    if item.left is not None:
        said += f" · {time_text(item.left)} left"
    return (
        f'<progress max="{item.size}" value="{done}" aria-label="Download of '
        f'{escape(item.title)}"></progress><p class="moving">{said}</p>'
    )


def _trouble(item: Item) -> str:
    said = item.said or (f"It can't be run here: {item.refusal}" if item.refusal else "")
    return f'<p class="trouble">{icon("warn")}{escape(said)}</p>' if said else ""


def _buttons(item: Item, machine: Machine) -> str:
    wanted = _ACTS.get(item.state, ())
    if item.refusal and item.state != "downloading":
        wanted = ()
    removing = (_REMOVE,) if item.removable else ()
    warning = escape(_warning(item, machine))
    return "".join(
        f'<button type="button" class="{look}" data-shelf="{act}" '
        f'data-warning="{warning}" aria-label="{label} {escape(item.title)}">{label}</button>'
        for act, label, look in (*wanted, *removing)
    )


def _warning(item: Item, machine: Machine) -> str:
    """What one should know before the model is used."""
    if not item.needs or item.needs[0] <= machine.memory:
        return ""
    return (
        f"{item.title} needs about {size_text(item.needs[0])} of memory, and this machine has "
        f"{size_text(machine.memory)}: it may become very slow, or the program may be ended."
    )
