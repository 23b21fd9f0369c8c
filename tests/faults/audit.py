"""What must be true after each fault run, read from the database, the sandbox and the mails."""

import re
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from email import message_from_bytes, policy
from email.message import EmailMessage
from typing import Any

from cases.notices.mail import NOTICES_HEADER
from tests.faults.machine import Machine

_OURS = "('cases.open_case', 'cases.analyze_case', 'cases.deliver')"


@dataclass
class Findings:
    """Submissions and cases by what is wrong with them; all empty when nothing was lost."""

    lost: list[str] = field(default_factory=list)
    doubled: list[str] = field(default_factory=list)
    stuck: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    def __bool__(self) -> bool:
        return any((self.lost, self.doubled, self.stuck, self.wrong))


def accepted(machine: Machine) -> set[str]:
    """Submissions whose webhook we answered with 200: their sender relies on us."""
    rows = machine.sandbox.webhooks()
    return {r["submission_id"] for r in rows if r["reason"] == "new" and r["status"] == 200}


def audit(machine: Machine, sent: Iterable[str], taken: set[str]) -> Findings:
    """Look at all cases of this run; `taken` are the accepted webhooks, known before any sweep."""
    found = Findings()
    _events(machine, found, taken)
    _cases(machine, found, list(sent))
    _searches(machine, found)
    _deliveries(machine, found)
    _answers(machine, found)
    _jobs(machine, found)
    _mails(machine, found)
    return found


def stored(machine: Machine) -> set[str]:
    """Submissions of which an event is kept."""
    return {str(row[0]) for row in machine.sql("SELECT submission_id FROM inbound_events")}


def _events(machine: Machine, found: Findings, taken: set[str]) -> None:
    found.lost += [f"event of {one}" for one in sorted(taken - stored(machine))]
    left = "SELECT id, state, reason FROM inbound_events WHERE state IN ('received', 'failed')"
    found.stuck += [f"event {row}" for row in machine.sql(left)]


def _cases(machine: Machine, found: Findings, sent: list[str]) -> None:
    many = Counter(str(row[0]) for row in machine.sql("SELECT submission_id FROM cases"))
    found.lost += [f"case of {one}" for one in sent if not many[one]]
    found.doubled += [f"case of {one}" for one, count in many.items() if count > 1]
    found.stuck += [
        f"case {row}"
        for row in machine.sql("SELECT id, state, problem FROM cases WHERE state <> 'approved'")
    ]
    found.wrong += [
        f"image {row}"
        for row in machine.sql(
            "SELECT case_id, state, refusal FROM case_images WHERE state <> 'stored' OR file = ''"
        )
    ]
    for what in ("findings", "case_images"):
        rows = f"SELECT case_id, count(*) FROM {what} GROUP BY 1 HAVING count(*) <> 1"  # noqa: S608
        found.doubled += [f"{what} {row}" for row in machine.sql(rows)]


def _searches(machine: Machine, found: Findings) -> None:
    """One for each analysis that ended well, and no more analyses than somebody asked for."""
    rows = machine.sql(
        "SELECT c.id,"
        " (SELECT count(*) FROM searches s JOIN findings f ON f.id = s.finding_id"
        "  WHERE f.case_id = c.id),"
        " (SELECT count(*) FROM case_events e WHERE e.case_id = c.id AND e.kind = 'analyzed'),"
        " (SELECT count(*) FROM case_events e WHERE e.case_id = c.id"
        "  AND e.kind IN ('received', 'analysis_requested'))"
        " FROM cases c"
    )
    for case, searches, analyses, asked in rows:
        if searches != analyses or analyses > asked:
            found.doubled.append(f"searches of case {case}: {searches}, {analyses}, {asked}")
        if not searches:
            found.wrong.append(f"case {case} was never compared")


def _deliveries(machine: Machine, found: Findings) -> None:
    """Each decision was sent once, or its failure is in the reviewers' queue."""
    rows = machine.sql(
        "SELECT c.id, count(d.id) FILTER (WHERE d.state = 'sent'),"
        " count(d.id) FILTER (WHERE d.state = 'failed'),"
        " count(d.id) FILTER (WHERE d.state IN ('queued', 'waiting'))"
        " FROM cases c LEFT JOIN deliveries d ON d.case_id = c.id AND d.kind = 'answer'"
        " WHERE c.state = 'approved' GROUP BY c.id"
    )
    for case, sent, failed, opened in rows:
        if sent > 1:
            found.doubled.append(f"delivery of case {case}")
        if opened:
            found.stuck.append(f"delivery of case {case}")
        if not (sent or failed or opened):
            found.lost.append(f"answer of case {case}")


def _answers(machine: Machine, found: Findings) -> None:
    """What stands in Jotform is the last answer, and it was written once."""
    written = _writes(machine)
    texts = machine.sql(
        "SELECT c.submission_id, d.text FROM deliveries d JOIN cases c ON c.id = d.case_id"
        " WHERE d.state = 'sent' AND d.kind = 'answer'"
    )
    for submission, text in texts:
        there = str(machine.sandbox.submission(submission)["result"] or "")
        if there.split() != text.split():
            found.wrong.append(f"answer in submission {submission}")
        if written[submission] != 1:
            count = written[submission]
            found.doubled.append(f"answer written {count} times into {submission}")


def _writes(machine: Machine) -> Counter[str]:
    """Writes that Jotform took, also those whose answer never arrived: each fires the webhook."""
    rows = machine.sandbox.webhooks()
    return Counter(row["submission_id"] for row in rows if row["reason"] == "api")


def _jobs(machine: Machine, found: Findings) -> None:
    left = f"SELECT task_name, status, args FROM procrastinate_jobs WHERE task_name IN {_OURS}"  # noqa: S608
    found.stuck += [f"job {row}" for row in machine.sql(f"{left} AND status IN ('todo', 'doing')")]


def _mails(machine: Machine, found: Findings) -> None:
    """Each notice that is said to be sent is in one letter, each that is not in none, and of those
    whose worker died meanwhile nobody knows: in one at most."""
    told: Counter[int] = Counter()
    notices, letters = _notices_and_letters(machine)
    about = {case: number for number, _, topic, case in notices if topic == "case"}
    for letter in letters:
        carried = [int(number) for number in re.findall(r"\d+", letter[NOTICES_HEADER] or "")]
        told.update(carried)
        if not set(carried) & set(about.values()):
            continue  # it speaks of failures
        for case in set(re.findall(r"/cases/case/(\d+)/change/", _text(letter))):
            if about.get(case) not in carried:
                found.wrong.append(f"mail with {carried} names case {case}")
    for number, state, _, _ in notices:
        count = told.pop(number, 0)
        if count > 1:
            found.doubled.append(f"mail of notice {number}")
        if not count and state == "sent":
            found.lost.append(f"mail of notice {number}")
        if count and state not in ("sent", "sending", "unknown"):
            found.wrong.append(f"mail of notice {number}, which is {state}")
    found.wrong += [f"mail of notice {number}, which nobody wrote" for number in told]
    unnoticed = "SELECT id FROM cases WHERE id::text NOT IN (SELECT about FROM notices)"
    found.lost += [f"notice of case {row}" for row in machine.sql(unnoticed)]


def _notices_and_letters(
    machine: Machine,
) -> tuple[list[tuple[Any, ...]], list[EmailMessage]]:
    """As they were at one moment: a worker may be writing to somebody right now."""
    query = "SELECT id, state, topic, about FROM notices WHERE channel = 'email' ORDER BY id"
    while True:
        notices, letters = machine.sql(query), list(_letters(machine))
        if machine.sql(query) == notices:
            return notices, letters


def _letters(machine: Machine) -> Iterator[EmailMessage]:
    """What went out so far. The mails are written to files, divided by a line of dashes."""
    for file in (machine.folder / "mails").iterdir():
        for letter in file.read_bytes().split(b"\n" + b"-" * 79):
            if letter.strip():
                yield message_from_bytes(letter.lstrip(), EmailMessage, policy=policy.default)


def _text(letter: EmailMessage) -> str:
    body = letter.get_body(("plain",))
    return str(body.get_content()) if body else ""
