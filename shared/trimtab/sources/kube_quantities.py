"""Quantities as Kubernetes' own objects and its exporters have them, in whole units."""

import re

from trimtab import quantities


def whole(text: object, *, scale: int = 1) -> int | None:
    """A quantity times `scale`, rounded up as Kubernetes does; None = it is none that Kubernetes could hold."""
    return quantities.whole(str(text), scale=scale) if isinstance(text, str | int) and not isinstance(text, bool) else None


def of_resource(resource: str, text: object) -> int | None:
    """What is asked of a resource: millicores of CPU, else bytes or pieces."""
    return whole(text, scale=1000 if resource == "cpu" else 1)


def exported_name(resource: str) -> str:
    """A resource as kube-state-metrics names it: nvidia.com/gpu → nvidia_com_gpu."""
    return re.sub(r"[^a-zA-Z0-9_]", "_", resource)


__all__ = ["exported_name", "of_resource", "whole"]
