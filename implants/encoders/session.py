"""An encoder at work: radiographs become vectors on ONNX Runtime."""

import os
import threading
from collections.abc import Sequence
from typing import TYPE_CHECKING, Final

import numpy as np
from django.utils.translation import gettext as _
from numpy.typing import NDArray
from PIL import Image

from implants.encoders.bundle import DIMENSIONS, EncoderBundle, EncoderUnavailable
from implants.encoders.preprocessing import prepare
from implants.region import Region
from raiox.common.measures import stage

if TYPE_CHECKING:
    import onnxruntime

Vector = NDArray[np.float32]

INPUT: Final = "image"
OUTPUT: Final = "embedding"
DEFAULT_THREADS: Final = 2
_ERRORS_ONLY: Final = 3


class EncodingError(Exception):
    """The encoder's answer for this image is no direction: not finite, or all zeros."""


class EncoderSession:
    """One bundle, ready to encode; any number of threads may call it.

    ONNX Runtime and the graph are loaded by the first call and not before. Its threads don't
    survive a fork: call it in the process that answers, never in one that forks afterwards.
    """

    def __init__(self, bundle: EncoderBundle, threads: int = DEFAULT_THREADS) -> None:
        self.bundle = bundle
        self.threads = threads
        # More at once than there are cores for are no quicker, and each takes 60 MB.
        at_once = (os.cpu_count() or 1) // max(1, threads)
        self._runs = threading.BoundedSemaphore(max(1, at_once))
        self._lock = threading.Lock()
        self._graph: onnxruntime.InferenceSession | None = None
        self._process = 0

    @stage("encode")
    def encode(self, image: Image.Image, region: Region | None = None) -> Vector:
        """The vector of an upright grayscale image or of a region of it: (512,), length 1.

        Raises `EncoderUnavailable` if the bundle can't be loaded, `EncodingError` if the answer is
        no vector.
        """
        vector: Vector = self.encode_batch([(image, region)])[0]
        return vector

    def encode_batch(self, films: Sequence[tuple[Image.Image, Region | None]]) -> Vector:
        """The vectors of several (image, region), shape (n, 512), each of length 1."""
        if not films:
            return np.empty((0, DIMENSIONS), dtype=np.float32)
        steps = self.bundle.preprocessing
        tensors = [prepare(image, steps, region) for image, region in films]
        # One film, as usual, is not copied: an input is a megabyte.
        return self.embed(tensors[0] if len(tensors) == 1 else np.concatenate(tensors))

    def embed(self, tensors: NDArray[np.float32]) -> Vector:
        """The vectors of prepared inputs, (n, 3, size, size) to (n, 512), each of length 1."""
        vectors = self._run(tensors)
        lengths = np.linalg.norm(vectors, axis=1, keepdims=True)
        if not np.isfinite(vectors).all() or lengths.min() < 1e-6:
            raise EncodingError(self.bundle.name)
        unit: Vector = vectors / lengths
        return unit

    def _run(self, tensors: NDArray[np.float32]) -> Vector:
        """The graph's answer, in runs of as many images as the bundle allows."""
        graph, at_once = self._loaded(), self.bundle.batch or len(tensors)
        runs = range(0, len(tensors), at_once)
        found = [self._answer(graph, tensors[i : i + at_once]) for i in runs]
        return np.concatenate(found, dtype=np.float32)

    def _answer(
        self, graph: "onnxruntime.InferenceSession", tensors: NDArray[np.float32]
    ) -> NDArray[np.float32]:
        with self._runs:
            answer: NDArray[np.float32] = graph.run([OUTPUT], {INPUT: tensors})[0]
        return answer

    def _loaded(self) -> "onnxruntime.InferenceSession":
        with self._lock:
            if self._graph is None:
                self._graph = _load(self.bundle, self.threads)
                self._process = os.getpid()
        if self._process != os.getpid():
            # It would wait forever for threads that the fork left behind.
            raise RuntimeError("The encoder was loaded before this process was forked.")
        return self._graph


def _load(bundle: EncoderBundle, threads: int) -> "onnxruntime.InferenceSession":
    import onnxruntime  # 30 MB and a tenth of a second that only an encoding process pays

    bundle.check_graph()
    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = threads
    options.inter_op_num_threads = 1
    # Threads that spin while they wait take the cores that web and worker share with them:
    # with other work on 2 cores an image took up to three times as long.
    options.add_session_config_entry("session.intra_op.allow_spinning", "0")
    options.log_severity_level = _ERRORS_ONLY
    try:
        graph = onnxruntime.InferenceSession(
            str(bundle.onnx_path), options, providers=["CPUExecutionProvider"]
        )
    except Exception as error:  # ONNX Runtime's own exceptions share no base class
        raise _unusable(bundle, error) from error
    _check_signature(bundle, graph)
    return graph


def _check_signature(bundle: EncoderBundle, graph: "onnxruntime.InferenceSession") -> None:
    """A graph of other inputs or outputs than the description's is refused before it answers."""
    size = bundle.preprocessing.size
    inputs = [(node.name, node.shape[1:]) for node in graph.get_inputs()]
    outputs = [(node.name, node.shape[1:]) for node in graph.get_outputs()]
    expected = [(INPUT, [3, size, size])], [(OUTPUT, [DIMENSIONS])]
    if (inputs, outputs) != expected:
        raise _unusable(bundle, f"{inputs} → {outputs}")


def _unusable(bundle: EncoderBundle, reason: object) -> EncoderUnavailable:
    return EncoderUnavailable(
        _("%(file)s can't be used (%(reason)s): export the encoder again.")
        % {"file": bundle.onnx_path, "reason": reason}
    )
