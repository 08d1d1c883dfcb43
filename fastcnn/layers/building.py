"""Layers from their configurations."""

from fastcnn import layers, registry


def layer_from_config(entry):
    """A layer from {"class_name", "config"}; only fastcnn's own classes and those of `registry.custom_objects`."""
    name, custom = entry["class_name"], registry.custom()
    if name == "Input" and name not in custom:  # as files of format 1 have it
        name = "InputLayer"
    if name not in custom and (name not in layers.__all__ or name == "Layer"):
        raise ValueError(f"layers of class {name!r} are not fastcnn's own; give custom_objects={{{name!r}: its class}}")
    cls = custom[name] if name in custom else getattr(layers, name)
    return cls.from_config(entry["config"])
