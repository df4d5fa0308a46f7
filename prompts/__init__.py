"""The words we say to a model, as Markdown; read through `importlib.resources`."""
