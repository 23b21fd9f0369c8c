"""A case's page in the admin as a browser without a screen sees it: read, fill in, send."""

from dataclasses import dataclass
from html.parser import HTMLParser
from urllib.parse import urljoin

import requests

HIDDEN = ("csrfmiddlewaretoken", "last_seen")


@dataclass(frozen=True)
class Candidate:
    """One of the suggestions, in the order of the page."""

    implant_id: str
    name: str


class _Reader(HTMLParser):
    """Collects the inputs of the desk, the buttons' addresses and the cards."""

    def __init__(self) -> None:
        super().__init__()
        self.fields: dict[str, str] = {}
        self.actions: list[str] = []
        self.holder = ""
        self.findings: list[str] = []
        self.candidates: dict[str, list[Candidate]] = {}
        self._pick = ""
        self._in_name = False

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        found = {name: value or "" for name, value in attrs}
        name, value = found.get("name", ""), found.get("value", "")
        if tag == "input" and (name in HIDDEN or name.endswith("-tooth")):
            self.fields[name] = value
        if tag == "input" and name.endswith("-tooth"):
            self.findings.append(name.removesuffix("-tooth"))
        if tag == "input" and name.endswith("-pick") and value.isdigit():
            self._pick = name.removesuffix("-pick")
            self.candidates.setdefault(self._pick, []).append(Candidate(value, ""))
        if tag == "strong" and self._pick:
            self._in_name = True
        if tag == "button" and name == "holder":
            self.holder = value
        if "formaction" in found:
            self.actions.append(found["formaction"])

    def handle_data(self, data: str) -> None:
        if self._in_name:
            last = self.candidates[self._pick].pop()
            self.candidates[self._pick].append(Candidate(last.implant_id, data.strip()))
            self._in_name, self._pick = False, ""


class CasePage:
    """The page of one case, opened in somebody's session."""

    def __init__(self, session: requests.Session, url: str) -> None:
        self.session, self.url = session, url
        answer = session.get(url, timeout=20)
        answer.raise_for_status()
        self.html = answer.text
        self._read = _Reader()
        self._read.feed(self.html)

    @property
    def candidates(self) -> list[Candidate]:
        """The suggestions for the first finding."""
        return self._read.candidates.get(self._read.findings[0], [])

    def take_over(self) -> "CasePage":
        """Take the case from the colleague who has it open; the page that follows."""
        fields = {**self._read.fields, "holder": self._read.holder}
        self._press("take-over", fields).raise_for_status()
        return CasePage(self.session, self.url)

    def decide(
        self,
        action: str,
        *,
        verdict: str,
        implant: str | None,
        **more: str,
    ) -> str:
        """Give every finding the verdict, press the button of `action`; the page that follows.

        `more` are other fields of the page.
        """
        fields = self._read.fields | more
        for finding in self._read.findings:
            fields |= {f"{finding}-verdict": verdict, f"{finding}-pick": implant or ""}
        answer = self._press(action, fields)
        # 409 is the page again, with the word that somebody else was first.
        assert answer.status_code in (200, 409), answer.text
        return answer.text

    def _press(self, action: str, fields: dict[str, str]) -> requests.Response:
        (address,) = {a for a in self._read.actions if a.rstrip("/").endswith(action)}
        headers = {"Referer": self.url}
        return self.session.post(urljoin(self.url, address), fields, headers=headers, timeout=20)
