"""How films become inputs, for every bundle the same: only the model's own numbers differ.

Polarity, frame, contrast, region and padding are matters of radiographs, not of a model, and
encoders can only be compared if they see the same picture.
"""

from implants.encoders.preprocessing import Preprocessing

Channels = tuple[float, float, float]


def film_steps(*, size: int, mean: Channels, std: Channels, interpolation: str) -> Preprocessing:
    """The preprocessing of a model of this input; mean and std on the scale 0 to 1."""
    return Preprocessing(
        size=size,
        mean=mean,
        std=std,
        interpolation=interpolation,
        region_context=0.0,
        polarity_threshold=0.18,
        frame_dark=16,
        frame_light=239,
        frame_spread=12,
        contrast_percentiles=(0.5, 99.5),
        pad_value=0,
    )
