"""Where a bundle is put together, and how it takes the place of an older one."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from implants.encoders.bundle import JSON_NAME, ONNX_NAME


@contextmanager
def draft_of(folder: Path) -> Iterator[Path]:
    """A new folder beside `folder`, for both files; they move there when the block has ended well.

    After an error the draft is gone and an older bundle is as it was; other files in `folder`
    stay. A process that reads between the two renames sees that graph and description don't
    belong together, and says so.
    """
    folder.parent.mkdir(parents=True, exist_ok=True)
    draft = folder.parent / f".{folder.name}.{os.getpid()}"
    shutil.rmtree(draft, ignore_errors=True)  # of a killed export with the same process id
    draft.mkdir()
    try:
        yield draft
        _publish(draft, folder)
    finally:
        shutil.rmtree(draft, ignore_errors=True)


def _publish(draft: Path, folder: Path) -> None:
    if not folder.exists():
        draft.rename(folder)
        return
    for name in (ONNX_NAME, JSON_NAME):
        (draft / name).replace(folder / name)
