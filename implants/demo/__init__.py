"""Demo catalogue: radiographs rendered from the published geometry of real implant systems.

Nothing in here is a film of a patient. The pictures exist so that a fresh, offline machine has a
catalogue to search; they are marked as demo wherever they are shown.
"""
