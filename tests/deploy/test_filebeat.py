"""Filebeat is in no Debian package: its file is held against real lines of the logs."""

import json
import re
from collections.abc import Iterator
from datetime import datetime
from typing import Any, Final

import yaml

from tests.deploy.watchers import WATCH
from tests.sandbox.process import ROOT
from tests.stack import SYSTEMS, Stack, film

FILE: Final[dict[str, Any]] = yaml.safe_load((WATCH / "filebeat.yml").read_text())
# What Go's layouts are made of, in Python's words; longer ones first.
GO: Final = {
    "2006": "%Y", "-07:00": "%z", "01": "%m", "02": "%d", "15": "%H", "04": "%M", "05": "%S",
    ".999": ".%f",
}  # fmt: skip


def processors(kind: str) -> Iterator[dict[str, Any]]:
    for processor in FILE["processors"]:
        if kind in processor:
            yield processor[kind]


def layout_of(field: str) -> str:
    """How the moment in a field is written, for strptime."""
    [layout] = [p["layouts"][0] for p in processors("timestamp") if p["field"] == field]
    for word, ours in GO.items():
        layout = layout.replace(word, ours)
    return str(layout)


def moment(text: str, layout: str) -> datetime:
    """Raises ValueError when it is written otherwise."""
    return datetime.strptime(text, layout).astimezone()


def named(prefix: str) -> set[str]:
    """Fields of one kind of line that the processors speak of."""
    text = yaml.safe_dump(FILE["processors"])
    return set(re.findall(rf"\b{prefix}\.(\w+)", text))


def lines_of(stack: Stack) -> list[dict[str, Any]]:
    """What web and worker log while a case arrives."""
    logs = [stack.folder / f"{name}.log" for name in ("web", "worker")]
    # What processes say while they start, and what other tests made them say, stands before.
    begun = [log.stat().st_size for log in logs]
    submission = stack.sandbox.submit({}, files={"a.png": film(SYSTEMS[1], query=True)})["id"]
    stack.pending(submission)
    texts = [log.read_bytes()[size:] for log, size in zip(logs, begun, strict=True)]
    return [json.loads(line) for text in texts for line in text.splitlines()]


def test_lines_of_the_service_hold_what_is_read_of_them(stack: Stack) -> None:
    lines = lines_of(stack)
    assert len(lines) > 10
    for name in named("raiox"):
        assert any(name in line for line in lines), name
    always = {"time", "level", "event", "logger"}
    assert always <= named("raiox")
    for line in lines:
        assert always <= line.keys()
        moment(line["time"], layout_of("raiox.time"))


def test_lines_of_nginx_hold_what_is_read_of_them() -> None:
    text = (ROOT / "deploy" / "server" / "nginx" / "raiox-limits.conf").read_text()
    [told] = re.findall(r"log_format raiox [^;]*;", text)
    names = set(re.findall(r'"(\w+)": ', told))
    assert named("nginx") <= names
    assert "$time_iso8601" in told
    moment("2026-01-31T14:05:06+00:00", layout_of("nginx.time"))


def test_both_logs_are_read_as_json() -> None:
    paths = {place for each in FILE["filebeat.inputs"] for place in each["paths"]}
    assert paths == {"/var/log/raiox/*.log", "/var/log/nginx/raiox.log"}
    ids = [each["id"] for each in FILE["filebeat.inputs"]]
    assert len(set(ids)) == len(ids)
    for each in FILE["filebeat.inputs"]:
        assert each["type"] == "filestream"
        assert [list(parser) for parser in each["parsers"]] == [["ndjson"]]


def test_one_output_is_on_unless_somebody_says_otherwise() -> None:
    outputs = {name: FILE[name]["enabled"] for name in FILE if name.startswith("output.")}
    defaults = {name: re.fullmatch(r"\$\{\w+:(\w+)\}", value)[1] for name, value in outputs.items()}  # type: ignore[index]
    assert defaults == {"output.elasticsearch": "false", "output.file": "true"}
    assert FILE["output.elasticsearch"]["api_key"] == "${ELASTICSEARCH_API_KEY:}"
