"""Models: layers and how they are connected, trained, evaluated, kept in files."""
