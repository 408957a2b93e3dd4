"""The short names of models, and what they stand for. Knows nothing of how one is loaded."""

from pathlib import Path

from app.errors import SettingsError
from model.shelf import curated

BUNDLED = "pocket"

ALIASES = {
    BUNDLED: str(Path(__file__).resolve().parents[2] / "model" / BUNDLED),
    **curated.ALIASES,
}


def shown(name: str) -> str:
    """A model's name as anybody may read it: of a folder its own, never a path."""
    folder = Path(name).expanduser()
    return folder.resolve().name if name not in ALIASES and folder.is_dir() else name


def find(name: str) -> tuple[str, tuple[str, ...]]:
    """The folder or repository that `name` stands for, and all names the model answers to.

    The first of them is shown: never a path. Raises SettingsError where nothing can be meant.
    """
    source = ALIASES.get(name, name)
    folder = Path(source).expanduser()
    if folder.is_dir():
        return str(folder.resolve()), (shown(name),)
    if name == BUNDLED:
        raise SettingsError("The bundled model is missing: model/pocket belongs to the program.")
    if source.count("/") != 1 or source.startswith((".", "/", "~")):
        raise SettingsError(
            f"There is no model '{name[:100]}': give an alias ({', '.join(ALIASES)}), a folder "
            "that exists, or a Hugging Face repository (OWNER/NAME)."
        )
    others = [alias for alias, meant in ALIASES.items() if meant == source]
    return source, tuple(dict.fromkeys((name, source, *others)))
