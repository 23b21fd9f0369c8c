"""Parsers for bodies from strangers."""

from io import BytesIO
from typing import Any, ClassVar

from django.core.files.uploadedfile import InMemoryUploadedFile, UploadedFile
from django.core.files.uploadhandler import FileUploadHandler
from django.utils.translation import gettext as _
from rest_framework.exceptions import ParseError
from rest_framework.parsers import JSONParser, MultiPartParser

from raiox.common.api.errors import too_large


class JsonParser(JSONParser):
    """REST framework's, which takes JSON nested a thousand times for a fault of the server."""

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """The content; `ParseError` for anything else."""
        try:
            return super().parse(stream, media_type, parser_context)
        except RecursionError as error:
            raise ParseError("nested too deeply") from error


class CappedMultiPartParser(MultiPartParser):
    """Multipart with files of `max_file_bytes` at most, kept in memory: nothing is written."""

    max_file_bytes: ClassVar[int]

    def parse(self, stream: Any, media_type: Any = None, parser_context: Any = None) -> Any:
        """Fields and files; reads no further once a file is too large."""
        parser_context["request"].upload_handlers = [_InMemoryHandler(self.max_file_bytes)]
        return super().parse(stream, media_type, parser_context)


class _InMemoryHandler(FileUploadHandler):
    def __init__(self, max_bytes: int) -> None:
        super().__init__()
        self._max_bytes = max_bytes

    def new_file(self, *args: Any, **kwargs: Any) -> None:
        super().new_file(*args, **kwargs)
        self._content = BytesIO()

    def receive_data_chunk(self, raw_data: bytes, start: int) -> None:
        if start + len(raw_data) > self._max_bytes:
            raise too_large(_("The file is too large."))
        self._content.write(raw_data)

    def file_complete(self, file_size: int) -> UploadedFile:
        self._content.seek(0)
        return InMemoryUploadedFile(
            self._content,
            self.field_name,
            self.file_name,
            self.content_type,
            file_size,
            self.charset,
            self.content_type_extra,
        )
