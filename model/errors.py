"""What `model` raises. Messages are for the user: what is wrong, what was expected, what to do.

ModelError
├── CheckpointError           the checkpoint can't be read, or this program can't run it
├── PromptError (ValueError)  prompt and images don't fit together, or don't fit the context
└── TemplateError (ValueError)  the conversation can't be written in the template's form
"""


class ModelError(Exception):
    """The root: whatever `model` refuses on purpose."""


class CheckpointError(ModelError):
    """The checkpoint is missing, damaged, or of a kind that this program doesn't run."""


class PromptError(ModelError, ValueError):
    """The prompt and its images can't be given to the model as they are."""


class TemplateError(ModelError, ValueError):
    """A conversation can't be written in this template, or the template isn't known."""
