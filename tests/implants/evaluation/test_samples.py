"""The list of labelled films: all of it is read, or a line is named."""

from pathlib import Path

import pytest

from implants.evaluation.samples import EvaluationError, Sample, read_samples
from implants.region import Region


def write(folder: Path, text: str, encoding: str = "utf-8") -> Path:
    """A CSV file."""
    path = folder / "films.csv"
    path.write_text(text, encoding=encoding)
    return path


def test_read_samples_takes_paths_relative_to_the_file(tmp_path: Path) -> None:
    file = write(tmp_path, "path,label,group\na/1.png,BLX,p1\n/abs/2.png, Drive ,p2\n")

    assert read_samples(file) == [
        Sample(tmp_path / "a/1.png", "BLX", "p1", None),
        Sample(Path("/abs/2.png"), "Drive", "p2", None),
    ]


def test_read_samples_takes_columns_in_any_order_and_a_spreadsheets_mark(tmp_path: Path) -> None:
    text = "group,note,label,path\np1,ça,BLX,1.png\np2,,BLX,2.png\n"
    samples = read_samples(write(tmp_path, text, "utf-8-sig"))

    assert [sample.group for sample in samples] == ["p1", "p2"]


def test_read_samples_takes_a_region_or_none(tmp_path: Path) -> None:
    text = "path,label,group,x,y,width,height\n1.png,A,p1,0.1,0.2,0.3,0.4\n2.png,A,p2,,,,\n"
    regions = [sample.region for sample in read_samples(write(tmp_path, text))]

    assert regions == [Region(0.1, 0.2, 0.3, 0.4), None]


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "no column path, label, group"),
        ("path;label;group\n1.png;A;p1\n", "found: path;label;group"),
        ("path,label\n1.png,A\n", "no column group"),
        ("path,label,group\n1.png,A,p1\n2.png,,p2\n", "line 3: label is empty"),
        ("path,label,group\n1.png,A\n2.png,A,p2\n", "line 2: group is empty"),
        ("path,label,group\n", "two groups"),
        ("path,label,group\n1.png,A,p1\n2.png,B,p1\n", "two groups"),
        ("path,label,group,x,y\n1.png,A,p1,0,0\n2.png,A,p2,0,0\n", "no column width, height"),
        ("path,label,group,x,y,width,height\n1.png,A,p1,0.1,,0.3,0.4\n", "line 2: .* not four"),
        ("path,label,group,x,y,width,height\n1.png,A,p1,10,20,30,40\n", "line 2: .* fractions"),
    ],
)
def test_read_samples_names_what_is_not_complete(tmp_path: Path, text: str, reason: str) -> None:
    with pytest.raises(EvaluationError, match=reason):
        read_samples(write(tmp_path, text))


def test_read_samples_of_a_file_that_is_none_fails(tmp_path: Path) -> None:
    with pytest.raises(EvaluationError, match=r"gone\.csv can't be read"):
        read_samples(tmp_path / "gone.csv")
    with pytest.raises(EvaluationError, match="can't be read"):
        read_samples(write(tmp_path, "path,label,group\n1.png,aço,p1\n", "latin-1"))
