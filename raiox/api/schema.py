"""What the OpenAPI document says beyond what serializers and views tell drf-spectacular."""

from typing import Any, Final

_NO_NUL: Final = r"^[^\u0000]*$"
_NARROWER: Final = frozenset({"enum", "format", "pattern"})


def forbid_nul(result: dict[str, Any], **_: Any) -> dict[str, Any]:
    """Texts that are sent hold no NUL: the service refuses it in each of them (400)."""
    for name, schema in result["components"]["schemas"].items():
        if name.endswith("Request"):
            for sent in schema.get("properties", {}).values():
                _forbid_in(sent)
    for operations in result["paths"].values():
        for operation in operations.values():
            for parameter in operation.get("parameters", ()):
                _forbid_in(parameter["schema"])
    return result


def _forbid_in(schema: dict[str, Any]) -> None:
    if schema.get("type") == "string" and not _NARROWER & schema.keys():
        schema["pattern"] = _NO_NUL
