"""How the bundled model is made: drawn scenes, conversations about them, LLaVA's stages in miniature."""
