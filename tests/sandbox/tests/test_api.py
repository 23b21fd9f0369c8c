"""The API and the record of its requests."""

import http.client
import json
from concurrent.futures import ThreadPoolExecutor
from urllib.parse import urlencode

import pytest

from tests.sandbox.process import SandboxError, SandboxProcess
from tests.sandbox.tests.helpers import ANA, call, read, with_file, write


def test_submission_has_answers_by_qid_in_the_envelope(sandbox: SandboxProcess) -> None:
    submission_id, url = with_file(sandbox)
    reply = read(sandbox, f"/submission/{submission_id}")
    assert reply.status == 200
    envelope = reply.json
    assert (envelope["responseCode"], envelope["message"]) == (200, "success")
    assert isinstance(envelope["limit-left"], int)
    content = envelope["content"]
    assert (content["id"], content["form_id"]) == (submission_id, sandbox.form_id)
    upload = content["answers"]["5"]
    assert (upload["name"], upload["type"]) == ("radiografia", "control_fileupload")
    assert upload["answer"] == [url]
    assert content["answers"]["3"]["answer"] == {"first": "Ana", "last": "Dias"}
    assert "answer" not in content["answers"]["9"]


def test_upload_answer_switch_makes_one_url_a_string(sandbox: SandboxProcess) -> None:
    submission_id, url = with_file(sandbox)
    sandbox.set(upload_answer="string")
    assert sandbox.submission(submission_id)["answers"]["5"]["answer"] == url


def test_api_takes_the_key_in_header_or_query_and_an_api_prefix(sandbox: SandboxProcess) -> None:
    path = f"/form/{sandbox.form_id}/questions"
    for address in (f"/API{path}", f"/api{path}", path):
        assert read(sandbox, address).status == 200
    assert call(f"{sandbox.url}{path}?apiKey={sandbox.api_key}").status == 200


@pytest.mark.parametrize(
    "path", ["/submission/6200000000000000001", "/form/240000000000001/questions"]
)
def test_unknown_things_and_keys_are_401_alike(sandbox: SandboxProcess, path: str) -> None:
    known = f"/form/{sandbox.form_id}/questions"
    unknown = read(sandbox, path)
    for reply in (unknown, read(sandbox, known, key="wrong"), call(sandbox.url + known)):
        assert (reply.status, reply.json["responseCode"]) == (401, 401)
        assert "not authorized" in reply.json["message"]


def test_request_without_user_agent_is_403(sandbox: SandboxProcess) -> None:
    path = f"/form/{sandbox.form_id}/questions"
    connection = http.client.HTTPConnection("127.0.0.1", sandbox.port, timeout=5)
    connection.request("GET", path, headers={"APIKEY": sandbox.api_key})
    assert connection.getresponse().status == 403
    connection.close()


def test_write_changes_only_what_was_sent(sandbox: SandboxProcess) -> None:
    submission_id, url = with_file(sandbox)
    fields = {
        "submission[9]": "Neodent\nGrand Morse",
        "submission[3][first]": "Anna",
        "submission[new]": "0",
        "submission[flag]": "1",
    }
    reply = write(sandbox, submission_id, fields)
    assert reply.json["content"]["submissionID"] == submission_id
    content = sandbox.submission(submission_id)
    assert content["result"] == "Neodent\nGrand Morse"
    assert content["answers"]["3"]["answer"] == {"first": "Anna", "last": "Dias"}
    assert content["answers"]["7"]["answer"] == "44"
    assert content["answers"]["5"]["answer"] == [url]
    assert (content["new"], content["flag"]) == ("0", "1")


@pytest.mark.parametrize("qid", ["5", "77"])
def test_write_into_an_upload_or_an_unknown_question_changes_nothing(
    sandbox: SandboxProcess, qid: str
) -> None:
    submission_id, url = with_file(sandbox)
    fields = {"submission[9]": "text", f"submission[{qid}]": "https://example.org/rx.png"}
    reply = write(sandbox, submission_id, fields)
    assert (reply.status, reply.json["responseCode"]) == (400, 400)
    assert sandbox.submission(submission_id)["result"] == ""
    assert sandbox.submission(submission_id)["answers"]["5"]["answer"] == [url]


def test_writes_at_the_same_time_are_all_kept(sandbox: SandboxProcess) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    qids = ("4", "6", "7", "9")
    for turn in range(5):
        fields = [{f"submission[{qid}]": f"{qid} {turn}"} for qid in qids]
        with ThreadPoolExecutor(len(qids)) as pool:
            replies = list(pool.map(lambda sent: write(sandbox, submission_id, sent), fields))
        assert {reply.status for reply in replies} == {200}
        answers = sandbox.submission(submission_id)["answers"]
        assert [answers[qid]["answer"] for qid in qids] == [f"{qid} {turn}" for qid in qids]


def test_questions_are_a_dict_by_qid(sandbox: SandboxProcess) -> None:
    questions = read(sandbox, f"/form/{sandbox.form_id}/questions").json["content"]
    types = {qid: question["type"] for qid, question in questions.items()}
    assert (
        types.items()
        >= {
            "3": "control_fullname",
            "4": "control_email",
            "6": "control_textbox",
            "7": "control_textbox",
            "5": "control_fileupload",
            "9": "control_textarea",
        }.items()
    )
    assert questions["5"].items() >= {"qid": "5", "name": "radiografia", "order": "6"}.items()


def test_webhooks_are_listed_added_once_and_deleted_by_index(sandbox: SandboxProcess) -> None:
    path = f"/form/{sandbox.form_id}/webhooks"
    for name in ("a", "b", "c"):
        sandbox.api("POST", path, {"webhookURL": f"http://127.0.0.1:9/{name}"})
    with pytest.raises(SandboxError, match="400"):
        sandbox.api("POST", path, {"webhookURL": "http://127.0.0.1:9/a"})
    left = sandbox.api("DELETE", f"{path}/1")["content"]
    assert left == {"0": "http://127.0.0.1:9/a", "1": "http://127.0.0.1:9/c"}
    assert sandbox.api("GET", path)["content"] == left
    with pytest.raises(SandboxError, match="404"):
        sandbox.api("DELETE", f"{path}/2")


def test_submissions_are_paged_and_filtered(sandbox: SandboxProcess) -> None:
    ids = [sandbox.submit(ANA, webhook=False)["id"] for _ in range(3)]
    path = f"/form/{sandbox.form_id}/submissions"

    def listed(**query: str) -> list[str]:
        content = sandbox.api("GET", f"{path}?{urlencode(query)}")["content"]
        return [submission["id"] for submission in content]

    assert listed(limit="1000", orderby="created_at") == ids[::-1]
    assert listed(limit="1", offset="1", orderby="id") == [ids[1]]
    created = sandbox.submission(ids[0])["created_at"]
    assert listed(filter=json.dumps({"created_at:gt": "2020-01-01"})) == ids[::-1]
    assert ids[0] not in listed(filter=json.dumps({"created_at:gt": created}))
    assert listed(filter=json.dumps({"id:ne": ids[2], "id:gt": ids[0]})) == [ids[1]]
    assert read(sandbox, f"{path}?filter=nonsense").status == 400


def test_requests_are_recorded_without_the_key(sandbox: SandboxProcess) -> None:
    submission_id = sandbox.submit(ANA, webhook=False)["id"]
    address = f"{sandbox.url}/submission/{submission_id}?apiKey={sandbox.api_key}&x=1"
    call(address, headers={"jf-team-id": "team-7"})
    write(sandbox, submission_id, {"submission[9]": f"with {sandbox.api_key} inside"})
    first, second = sandbox.requests()
    assert (first["method"], first["query"], first["key"]) == ("GET", {"x": "1"}, "query")
    assert (first["team"], second["team"]) == ("team-7", "")
    assert second["path"] == f"/submission/{submission_id}"
    assert second["fields"] == {"submission[9]": "with *** inside"}
    assert (second["status"], second["key"]) == (200, "header")
    assert sandbox.api_key not in json.dumps([first, second])
