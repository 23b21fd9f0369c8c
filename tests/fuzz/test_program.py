"""The program that fuzzes for longer: it ends, in time, and says what broke."""

import subprocess
import sys
from pathlib import Path

import pytest

from tests.fuzz import __main__ as program
from tests.fuzz.readers import Readers

GUIDED = """
import ctypes, os, sys, time
from pathlib import Path
from tests.fuzz.guided import fuzz
from tests.fuzz.readers import Readers
kept = []
def take(data):
    {body}
    return "taken"
with Readers(("-c", {reader!r})) as readers:
    fuzz(take, [b"seed"], Path(sys.argv[1]), seconds={seconds}, runs=50, readers=readers)
"""
READER = """
import ctypes, os, sys, time
from tests.fuzz import readers
def read_one(kind, source, target):
    {body}
readers.read_one, readers.WAIT_SECONDS = read_one, {wait}
readers.serve(sys.stdin.buffer, sys.stdout.buffer)
"""
# The heap that a parser has written beyond its blocks: malloc notices, and aborts with its lock.
DAMAGE = """
    libc = ctypes.CDLL(None)
    libc.malloc.restype, libc.free.argtypes = ctypes.c_void_p, [ctypes.c_void_p]
    blocks = [libc.malloc(5000) for _ in range(50)]
    for block in blocks[::2]: libc.free(block)
    for block in blocks[1::2]: ctypes.memset(block - 64, 65, 5128)
    for size in range(100, 100000, 100): libc.malloc(size)
"""
READ = "from implants.formats import apart; apart._run('PDF', b'')"


def watch(
    tmp_path: Path, body: str, *, reader: str = "pass", wait: float = 60, seconds: float = 60
) -> bool:
    """A short run whose every input does this."""
    reader = READER.format(body=reader, wait=wait)
    code = GUIDED.format(body=body, reader=reader, seconds=seconds)
    command, grace = [sys.executable, "-c", code], 5.0 if seconds < 1 else 120.0
    return program.watch(command, [], "film", seconds, grace=grace, kept=tmp_path)


def test_a_short_run_of_each_target_tells_its_figures() -> None:
    command = [sys.executable, "-m", "tests.fuzz", *program.TARGETS, "--runs", "150"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    for target in program.TARGETS:
        assert f"\n{target}: " in f"\n{done.stdout}"
    assert done.stdout.count(" s, 150 inputs\n  outcomes: ") == 3
    assert done.stdout.count("slowest input: ") == done.stdout.count("peak memory: ") == 3
    assert done.stdout.count(" MB, readers ") == 1
    assert "not_an_image" in done.stdout
    assert "malformed" in done.stdout


def test_a_run_that_breaks_no_rule_is_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert watch(tmp_path, "pass")
    assert "50 inputs\n  outcomes: taken 50\n" in capsys.readouterr().out
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ("raise KeyError('untyped')", ["KeyError: 'untyped'", "ended with 1"]),
        ("os.abort()", ["Fatal Python error: Aborted", "ended by signal 6"]),
        ("ctypes.string_at(0)", ["ended by signal 11"]),
        ("os._exit(0)", ["no figures", "ended with 0"]),
        ("while time.process_time() < 3.5: pass", [" s of CPU", "ended with 1"]),
        ("kept.append(b'x' * 600 * 2**20)", [" MB here", "ended with 1"]),
        (DAMAGE, ["ended by signal"]),
    ],
    ids=["untyped", "abort", "segfault", "leaves", "slow", "memory", "heap"],
)
def test_a_run_that_breaks_a_rule_says_so_and_keeps_the_input(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], body: str, said: list[str]
) -> None:
    assert not watch(tmp_path, body)
    out = capsys.readouterr().out
    assert [words for words in [*said, "film: BROKEN"] if words not in out] == []
    assert (tmp_path / "film").exists()


def test_a_run_that_hangs_is_ended(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert not watch(tmp_path, "time.sleep(600)", seconds=0.5)
    assert "it did not end" in capsys.readouterr().out


def test_a_reader_that_damages_its_memory_does_not_hold_up_the_run(tmp_path: Path) -> None:
    assert watch(tmp_path, f"{READ}", reader=DAMAGE)


@pytest.mark.parametrize(
    ("reader", "wait", "said"),
    [
        ("time.sleep(600)", 1, "TimeoutExpired"),
        ("while time.process_time() < 2.5: pass", 60, " s of CPU"),
        ("kept = b'x' * 600 * 2**20", 60, " MB in a reader"),
    ],
    ids=["hangs", "slow", "memory"],
)
def test_what_a_reader_takes_counts(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], reader: str, wait: float, said: str
) -> None:
    assert not watch(tmp_path, READ, reader=reader, wait=wait)
    assert said in capsys.readouterr().out


def test_a_file_is_tried_again(tmp_path: Path) -> None:
    (tmp_path / "answer").write_bytes(b"<html>")
    command = [sys.executable, "-m", "tests.fuzz", "answer", "--file", str(tmp_path / "answer")]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "1 inputs\n  outcomes: Transient 1\n" in done.stdout


def test_readers_answer_as_the_real_ones_do() -> None:
    from implants.formats import apart

    data = b"%PDF-1.4 nothing"
    real = apart._run("PDF", data)
    with Readers():
        quick = apart._run("PDF", data)
    assert (quick.returncode, quick.stdout) == (real.returncode, real.stdout)
    assert apart._run.__module__ == "implants.formats.apart"
