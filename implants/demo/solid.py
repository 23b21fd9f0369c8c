"""X-ray path lengths through an implant: a solid of revolution with real helical threads.

The implant stands with its axis along z (0 at the platform, positive towards the apex), the beam
runs along y. A vertical angulation tilts the beam against the axis, so that each ray sees other
heights at its entry and its exit: z(y) = z + y * tan(angle). All lengths in mm.
"""

from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from implants.demo.geometry import Geometry, Socket

Floats = NDArray[np.float32]

STEP = 0.05
RAY_STEP = 0.1
TABLE_STEP = 0.02
MARGIN = 1.2
_PROFILE_SIZE = 256


@dataclass(frozen=True)
class Pose:
    """How the beam meets the implant: radians. `spin` is its rotation about the own axis."""

    vertical: float = 0.0
    spin: float = 0.0


@dataclass(frozen=True)
class ImplantShadow:
    """Path lengths in mm on a grid of STEP; row 0 lies at z = `top`, column 0 at x = `left`."""

    body: Floats
    filling: Floats
    top: float
    left: float


@dataclass(frozen=True)
class Outline:
    """Tables along z (from `start`, every TABLE_STEP): core radius, thread depth, thread phase."""

    start: float
    core: Floats
    depth: Floats
    phase: Floats

    def index(self, z: Floats) -> NDArray[np.intp]:
        steps = np.rint((z - self.start) / TABLE_STEP).astype(np.intp)
        return np.clip(steps, 0, len(self.core) - 1)


def thread_profile(shape: str) -> Floats:
    """Height 0..1 of one thread over one pitch, crown to apex."""
    points: dict[str, list[tuple[float, float]]] = {
        "v": [(0, 0), (0.08, 0), (0.46, 1), (0.56, 1), (0.94, 0), (1, 0)],
        "square": [(0, 0), (0.28, 0), (0.34, 1), (0.68, 1), (0.74, 0), (1, 0)],
        "trapezoid": [(0, 0), (0.15, 0), (0.36, 1), (0.62, 1), (0.85, 0), (1, 0)],
        "buttress": [(0, 0), (0.12, 0), (0.72, 1), (0.82, 1), (0.92, 0), (1, 0)],
        "reverse_buttress": [(0, 0), (0.08, 0), (0.18, 1), (0.28, 1), (0.88, 0), (1, 0)],
        "fin": [(0, 0), (0.42, 0), (0.48, 1), (0.92, 1), (0.98, 0), (1, 0)],
    }
    knots = points[shape]
    at = np.linspace(0, 1, _PROFILE_SIZE, endpoint=False)
    heights = np.interp(at, [p for p, _ in knots], [h for _, h in knots])
    return heights.astype(np.float32)


def outline(geometry: Geometry, diameter: float, length: float) -> Outline:
    """Tables of the outer surface of the body for one size."""
    z = np.arange(-MARGIN, length + MARGIN, TABLE_STEP)
    envelope = _envelope(geometry, diameter / 2, length, z)
    depth, pitch = _thread_tables(geometry, length, z)
    phase = np.cumsum(TABLE_STEP / pitch)
    depth = np.minimum(depth, envelope * 0.45)
    inside = (z >= 0) & (z <= length)
    core = np.where(inside, envelope - depth, -1.0)
    return Outline(
        -MARGIN,
        core.astype(np.float32),
        np.where(inside, depth, 0).astype(np.float32),
        phase.astype(np.float32),
    )


def _envelope(
    geometry: Geometry, radius: float, length: float, z: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Radius over the thread crests, from platform to tip."""
    collar, body = geometry.collar, geometry.body
    start = max(body.taper_start * length, 1e-6)
    apex_at = length - body.apex_length
    run = np.clip((z - start) / max(apex_at - start, 1e-6), 0, 1)
    surface = radius * (1 - (1 - body.apex_ratio) * run**body.taper_power)
    flared = np.clip(1 - z / max(collar.height, 1e-6), 0, 1)
    shape = flared**1.8 if collar.curved else np.minimum(flared * 2.5, 1)
    surface = surface * (1 + (collar.flare - 1) * shape)
    surface = surface - np.clip(collar.bevel - z, 0, None) * 0.8
    return surface * _apex_factor(geometry, np.clip((z - apex_at) / body.apex_length, 0, 1))


def _apex_factor(geometry: Geometry, run: NDArray[np.float64]) -> NDArray[np.float64]:
    body = geometry.body
    if body.apex == "cone":
        straight = 1 - (1 - body.tip_ratio) * run
        return straight * np.sqrt(np.clip(1 - run**12, 0, 1))
    if body.apex == "dome":
        return np.asarray(np.sqrt(np.clip(1 - run**2.4, 0, 1)))
    return np.asarray(np.sqrt(np.clip(1 - run**14, 0, 1)) * (1 - 0.12 * run))


def _thread_tables(
    geometry: Geometry, length: float, z: NDArray[np.float64]
) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
    """Thread depth and pitch along z; no thread on the collar, fading at the tip."""
    thread, collar = geometry.thread, geometry.collar
    first, last = collar.height + collar.micro, length - 0.25
    run = np.clip((z - first) / max(last - first, 1e-6), 0, 1)
    depth = thread.depth + (thread.apical_depth - thread.depth) * run
    fade_in = np.clip((z - first) / (0.4 * thread.pitch), 0, 1)
    fade_out = np.clip((last - z) / (0.7 * thread.pitch), 0, 1)
    depth = depth * fade_in * fade_out
    pitch = np.full_like(z, thread.pitch)
    if thread.apical_pitch is not None:
        pitch = thread.pitch + (thread.apical_pitch - thread.pitch) * run
    micro = (z > collar.height) & (z < first)
    return np.where(micro, collar.micro_depth, depth), np.where(micro, collar.micro_pitch, pitch)


def cast(geometry: Geometry, diameter: float, length: float, pose: Pose) -> ImplantShadow:
    """Path lengths of the beam through the body, and through what fills its connection."""
    widest = diameter / 2 * max(geometry.collar.flare, 1.0) + 0.4
    x = np.arange(-widest, widest, STEP, dtype=np.float32)
    y = np.arange(-widest, widest, RAY_STEP, dtype=np.float32)
    z = np.arange(-MARGIN, length + MARGIN, STEP, dtype=np.float32)
    radius = np.hypot(x[:, None], y[None, :]).astype(np.float32)
    theta = np.arctan2(y[None, :], x[:, None]).astype(np.float32) + np.float32(pose.spin)
    depth_z = z[:, None] + y[None, :] * np.float32(np.tan(pose.vertical))
    surface = _surface(geometry, outline(geometry, diameter, length), depth_z, theta, diameter)
    _cut(geometry, surface, depth_z, theta, radius, length)
    body = _chords(surface, radius)
    socket = replace(geometry.socket, depth=min(geometry.socket.depth, 0.58 * length))
    cavity, filling = _connection(socket, depth_z, theta, radius)
    rows = cavity.shape[0]
    body[:rows] = np.maximum(body[:rows] - cavity, 0)
    full = np.zeros_like(body)
    full[:rows] = filling
    return ImplantShadow(body, full, float(z[0]), float(x[0]))


def _surface(
    geometry: Geometry, tables: Outline, depth_z: Floats, theta: Floats, diameter: float
) -> Floats:
    """Outer radius for each (z, x, y)."""
    at = tables.index(depth_z)
    profile = thread_profile(geometry.thread.shape)
    turns = theta * np.float32(geometry.thread.leads / (2 * np.pi))
    slots = (turns[None] + tables.phase[at][:, None, :]) * np.float32(_PROFILE_SIZE)
    heights = profile[slots.astype(np.int32) & (_PROFILE_SIZE - 1)]
    surface: Floats = heights * tables.depth[at][:, None, :] + tables.core[at][:, None, :]
    if geometry.socket.external_height > 0:
        _add_external_hex(geometry.socket, surface, depth_z, theta)
    return surface


def _add_external_hex(socket: Socket, surface: Floats, depth_z: Floats, theta: Floats) -> None:
    on_hex = (depth_z < 0) & (depth_z > -socket.external_height)
    height = np.where(on_hex, np.float32(socket.external_width / 2), np.float32(-1))
    np.maximum(surface, height[:, None, :] * _polygon(theta, 6)[None], out=surface)


def _polygon(theta: Floats, sides: int) -> Floats:
    """Distance from the centre to the side of a regular polygon of apothem 1."""
    sector = 2 * np.pi / sides
    factor = 1 / np.cos(np.mod(theta, sector) - sector / 2)
    return np.asarray(factor, dtype=np.float32)


def _cut(
    geometry: Geometry,
    surface: Floats,
    depth_z: Floats,
    theta: Floats,
    radius: Floats,
    length: float,
) -> None:
    """Mill the flutes and the transverse hole of the apex out of `surface`, in place."""
    cutting = geometry.cutting
    if cutting.flutes:
        rows = slice(int((length - cutting.flute_length - 0.6 + MARGIN) / STEP), None)
        sector = np.float32(2 * np.pi / cutting.flutes)
        near = np.abs(np.mod(theta, sector) / sector - 0.5) * 2
        bite = np.clip(1 - near / 0.42, 0, 1)
        onset = np.clip((depth_z[rows] - (length - cutting.flute_length)) / 1.0, 0, 1)
        milled = (onset * np.float32(cutting.flute_depth * 2))[:, None, :] * bite[None]
        surface[rows] -= np.minimum(milled, surface[rows] * np.float32(0.45))
    if cutting.hole:
        across = radius * np.cos(theta)
        off = np.abs(depth_z - (length - geometry.body.apex_length - cutting.hole))
        hole = off[:, None, :] ** 2 + across[None] ** 2 < (cutting.hole / 2) ** 2
        surface[hole] = -1


def _chords(surface: Floats, radius: Floats) -> Floats:
    """Sum along the beam of what lies under `surface`, its edge softened over one ray step."""
    inside = (surface - radius[None]) * np.float32(1 / RAY_STEP) + np.float32(0.5)
    np.clip(inside, 0, 1, out=inside)
    return np.asarray(inside.sum(axis=2) * np.float32(RAY_STEP), dtype=np.float32)


def _connection(
    socket: Socket, depth_z: Floats, theta: Floats, radius: Floats
) -> tuple[Floats, Floats]:
    """Chords of the cavity, and of abutment and screw in it, for the rows they reach."""
    rows = min(int((socket.depth + 1.5 + MARGIN) / STEP), depth_z.shape[0])
    z = depth_z[:rows]
    index = _index_factor(socket, theta)
    cavity = _cavity_radius(socket, z)[:, None, :] + np.zeros_like(index)[None]
    reach = _index_radius(socket, z, socket.index_depth)
    np.maximum(cavity, reach[:, None, :] * index[None], out=cavity)
    plug = _plug_radius(socket, z)[:, None, :] + np.zeros_like(index)[None]
    if socket.index != "none":
        tight = _index_radius(socket, z, socket.index_depth - 0.35) * np.float32(0.95)
        np.maximum(plug, tight[:, None, :] * index[None], out=plug)
    np.minimum(plug, cavity, out=plug)
    return _chords(cavity, radius), _chords(plug, radius)


def _index_factor(socket: Socket, theta: Floats) -> Floats:
    if socket.index == "hex":
        return _polygon(theta, 6)
    if socket.index == "octagon":
        return _polygon(theta, 8)
    if socket.index == "tri_channel":
        lobes = 1 + 0.22 * np.clip(np.cos(3 * theta) * 2.5, -1, 1)
        return np.asarray(lobes, dtype=np.float32)
    if socket.index == "grooves":
        grooves = 1 + 0.2 * (np.cos(3 * theta) > 0.8)
        return np.asarray(grooves, dtype=np.float32)
    return np.ones_like(theta)


def _index_radius(socket: Socket, z: Floats, depth: float) -> Floats:
    if socket.index == "none" or socket.external_height > 0:
        return np.full_like(z, -1)
    inside = (z >= 0) & (z < socket.cone_depth + depth)
    return np.where(inside, np.float32(socket.index_width / 2), np.float32(-1))


def _cavity_radius(socket: Socket, z: Floats) -> Floats:
    """Cone, then the bore with the conical bottom that a drill leaves."""
    slope = np.float32(np.tan(np.radians(socket.cone_angle)))
    cone = np.where(z < socket.cone_depth, socket.opening / 2 - z * slope, -1)
    drill_tip = (socket.depth - z) * np.float32(1.6)
    bore = np.minimum(np.float32(socket.bore / 2), drill_tip)
    bottom = np.where(z < socket.depth, bore, -1)
    open_end = z >= -socket.external_height - 1e-3
    return np.where(open_end, np.maximum(cone, bottom), -1).astype(np.float32)


def _plug_radius(socket: Socket, z: Floats) -> Floats:
    """Abutment in the cone, free neck of the screw, then its thread engaged in the bore."""
    cavity = _cavity_radius(socket, z)
    seat = socket.cone_depth + max(socket.index_depth - 0.4, 0)
    cone = np.where(z < socket.cone_depth - 0.2, cavity, -1)
    if not socket.screw:
        return cone.astype(np.float32)
    tip = socket.depth * 0.78
    neck = np.float32(socket.bore / 2 * 0.72)
    threaded = (z > seat + 0.9) & (z < tip)
    shaft = np.where(threaded, np.float32(socket.bore / 2), neck)
    rounded = np.minimum(shaft, np.sqrt(np.clip((tip - z) * 2.0, 0, None)))
    inside = (z < tip) & (z > -socket.external_height - 0.1)
    return np.maximum(cone, np.where(inside, rounded, -1)).astype(np.float32)
