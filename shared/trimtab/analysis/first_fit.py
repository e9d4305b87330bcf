"""First fit, the row with the largest pods first, for many steps at once: [node, step] matrices instead of one node after the other."""

import numpy as np

from trimtab.analysis.demand import Floats


def first_fit(counts: Floats, size: Floats, offers: Floats, width: int, apart: Floats | None = None) -> Floats:
    """[step] nodes that first fit takes, the row with the largest pods first; infinite where `width` nodes are not enough.

    `apart` [row] is how many pods of a row one node may hold whatever room it has.
    """
    counts, size, limit = _largest_first(counts, size, offers, apart)
    asked = [index for index in range(len(offers)) if _may_run_out(counts, size[index], offers[index])]
    if not asked:
        return np.where(counts.sum(axis=0) > 0, 1.0, 0.0)
    free = [np.full((width, counts.shape[1]), offers[index]) for index in asked]
    is_used = np.zeros((width, counts.shape[1]), dtype=np.bool_)
    left_over = np.zeros(counts.shape[1])
    for row, wanted in enumerate(counts):
        needs = [size[index, row] for index in asked]
        fits = np.minimum(_fits_on(free, needs, wanted), limit[row])
        before = np.cumsum(fits, axis=0) - fits
        taken = np.clip(wanted - before, 0.0, fits)
        free = [room - taken * need for room, need in zip(free, needs, strict=True)]
        is_used |= taken > 0
        left_over += wanted - taken.sum(axis=0)
    nodes: Floats = np.where(left_over > 0, np.inf, is_used.sum(axis=0))
    return nodes


def first_fit_alike(counts: Floats, shapes: Floats, offers: Floats, width: int, apart: Floats | None = None) -> Floats:
    """The same where all pods of a row are equal, `shapes` [dimension, row]: one order for all steps, and nothing is asked per cell."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(shapes[:-1] > 0, shapes[:-1] / offers[:-1, None], 0.0).max(axis=0, initial=0.0)
    asked = [index for index in range(len(offers)) if bool((shapes[index] @ counts > offers[index]).any())]
    if not asked:
        return np.where(counts.sum(axis=0) > 0, 1.0, 0.0)
    free = {index: np.full((width, counts.shape[1]), float(offers[index])) for index in asked}
    left_over, on_first = np.zeros(counts.shape[1]), np.zeros(counts.shape[1], dtype=np.bool_)
    fits, room = np.empty((width, counts.shape[1])), np.empty((width, counts.shape[1]))
    for row in np.argsort(-share, kind="stable"):
        sizes = {index: float(shapes[index, row]) for index in asked if shapes[index, row] > 0}
        if not sizes:
            on_first |= counts[row] > 0
            continue
        _fits_alike(free, sizes, counts[row], fits, room)
        if apart is not None:
            np.minimum(fits, apart[row], out=fits)
        # Each node takes what those before it left over: of `fits` added up, no more than was wanted.
        np.cumsum(fits, axis=0, out=room)
        left_over += np.maximum(counts[row] - room[-1], 0.0)
        np.subtract(room, fits, out=room)
        np.subtract(counts[row], room, out=room)
        np.maximum(room, 0.0, out=room)
        np.minimum(fits, room, out=fits)
        for index, size in sizes.items():
            np.multiply(fits, size, out=room)
            np.subtract(free[index], room, out=free[index])
    is_used = np.logical_or.reduce([free[index] < offers[index] for index in asked])
    is_used[0] |= on_first
    nodes: Floats = np.where(left_over > 0, np.inf, is_used.sum(axis=0))
    return nodes


def _fits_alike(free: dict[int, Floats], sizes: dict[int, float], wanted: Floats, fits: Floats, room: Floats) -> None:
    """[node, step] into `fits` how many of the wanted pods each node still holds; `room` is overwritten."""
    so_far: Floats = wanted
    for index, size in sizes.items():
        np.divide(free[index], size, out=room)
        np.add(room, 1e-9, out=room)
        np.floor(room, out=room)
        np.minimum(so_far, room, out=fits)
        so_far = fits
    np.maximum(fits, 0.0, out=fits)


def _may_run_out(counts: Floats, size: Floats, offer: float) -> bool:
    """False where one node alone could hold all of every step in this dimension: then it never decides."""
    return bool(((counts * size).sum(axis=0) > offer).any())


def _fits_on(free: list[Floats], needs: list[Floats], wanted: Floats) -> Floats:
    """[node, step] how many of the wanted pods each node still holds."""
    fits = np.broadcast_to(wanted, free[0].shape).copy()
    with np.errstate(divide="ignore", invalid="ignore"):
        for room, need in zip(free, needs, strict=True):
            np.minimum(fits, np.where(need > 0, np.floor(room / need + 1e-9), np.inf), out=fits)
    return np.maximum(fits, 0.0)


def _largest_first(counts: Floats, size: Floats, offers: Floats, apart: Floats | None) -> tuple[Floats, Floats, Floats]:
    """Rows of each step ordered by their pods' largest share of a node, with their limits; pod slots do not count as size."""
    with np.errstate(divide="ignore", invalid="ignore"):
        share = np.where(size[:-1] > 0, size[:-1] / offers[:-1, None, None], 0.0).max(axis=0)
    order = np.argsort(-share, axis=0, kind="stable")
    limit = (np.full(len(counts), np.inf) if apart is None else apart)[order]
    return np.take_along_axis(counts, order, axis=0), np.take_along_axis(size, order[None], axis=1), limit
