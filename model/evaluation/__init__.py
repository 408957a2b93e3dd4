"""How well the bundled model sees: pictures, questions and rules apart from its training's."""
