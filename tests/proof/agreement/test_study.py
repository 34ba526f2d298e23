import csv

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from lineproof.errors import InputError
from lineproof.proof.agreement.study import Kind, Study, plan_study, read_study

HEAD = "order,appraiser,trial,part,verdict\n"
SMALL = HEAD + "1,A,1,P1,good\n2,A,1,P2,bad\n1,reference,1,P1,good\n2,reference,1,P2,bad\n"


def read(tmp_path, text):
    path = tmp_path / "study.csv"
    path.write_text(text, encoding="utf-8", newline="")
    return read_study(path)


def filled(sheet, verdict):
    """A sheet with every verdict given by `verdict(appraiser, part)`."""
    rows = list(csv.reader(sheet.splitlines()))
    return "\n".join(",".join([*row[:4], verdict(row[1], row[3])]) for row in rows[1:])


def test_a_third_is_borderline_and_every_trial_has_its_own_order():
    plan = plan_study(50, ["A", "B", "machine"], 3, seed=7)
    kinds = list(plan.kinds.values())
    assert [kinds.count(kind) for kind in (Kind.GOOD, Kind.BAD, Kind.BORDERLINE)] == [17, 16, 17]
    assert len(plan.showings) == 50 * 3 * 3 + 50
    orders = {
        (who, trial): [s.part for s in plan.showings if (s.appraiser, s.trial) == (who, trial)]
        for who in ("A", "B", "machine")
        for trial in (1, 2, 3)
    }
    assert all(sorted(parts) == sorted(plan.kinds) for parts in orders.values())
    assert len({tuple(parts) for parts in orders.values()}) == 9
    assert {s.appraiser for s in plan.showings[-50:]} == {"reference"}
    assert [s.order for s in plan.showings[:150]] == list(range(1, 151))


def test_the_same_seed_gives_the_same_plan_and_another_one_does_not():
    first, again, other = (plan_study(12, ["A"], 2, seed=seed) for seed in (1, 1, 2))
    assert first == again
    assert first.kinds != other.kinds
    assert first.showings != other.showings


def test_the_sheet_does_not_tell_what_a_part_is():
    plan = plan_study(30, ["A"], 1)
    assert plan.sheet().splitlines()[0] == HEAD.strip()
    assert not any(kind.value in plan.sheet() for kind in Kind)
    by_number = [plan.kinds[number] for number in sorted(plan.kinds)]
    assert by_number != sorted(by_number)
    assert plan.key().splitlines()[0] == "part,kind,part_id"
    assert len(plan.key().splitlines()) == 31


def test_a_filled_plan_is_read_as_planned(tmp_path):
    plan = plan_study(9, ["A, the first", "machine"], 2)
    bad = {number for number, kind in plan.kinds.items() if kind is Kind.BAD}
    rows = [[s.order, s.appraiser, s.trial, s.part, "NG" if s.part in bad else "Ok"] for s in plan.showings]
    path = tmp_path / "study.csv"
    with path.open("w", newline="") as file:
        csv.writer(file).writerows([HEAD.strip().split(","), *rows])
    study = read_study(path)
    assert study.appraisers == ("A, the first", "machine")
    assert {part for part, is_bad in zip(study.parts, study.bad, strict=True) if is_bad} == bad
    assert (study.rejected == study.bad[None, :, None]).all()
    assert study.rejected.shape == (2, 9, 2)


@pytest.mark.parametrize(
    ("parts", "appraisers", "trials", "message"),
    [
        (2, ["A"], 3, "2 parts and 3 trials: a study needs 3 parts and 1 trial"),
        (9, ["A"], 0, "a study needs 3 parts and 1 trial"),
        (9, [], 1, "expected names, each once"),
        (9, ["A", " "], 1, "expected names, each once"),
        (9, ["A", " a"], 1, "expected names, each once"),
        (9, ["Reference"], 1, "for the expert panel"),
    ],
)
def test_plans_that_are_none(parts, appraisers, trials, message):
    with pytest.raises(InputError, match=message):
        plan_study(parts, appraisers, trials)


@pytest.mark.parametrize("words", [("good", "bad"), ("OK", "ng"), ("Pass", "FAIL"), ("1", "0"), (" ok ", "NG ")])
def test_words_for_a_verdict(tmp_path, words):
    study = read(tmp_path, SMALL.replace("good", words[0]).replace("bad", words[1]))
    assert study.rejected.ravel().tolist() == [False, True]
    assert study.bad.tolist() == [False, True]


@pytest.mark.parametrize(
    "text",
    [
        "\ufeff" + SMALL.replace("\n", "\r\n"),  # as spreadsheets write it
        SMALL.replace(",", ";"),
        SMALL.replace(",", "\t"),
        SMALL + "\n,,,,\n",
        SMALL.replace("A,1,P2", "a,1,P2").replace("reference,1,P2", "reference,1,p2"),
        SMALL.replace("reference", "Reference"),
        "Verdict,Part,Trial,Appraiser,remark\nok,P1,1,A,x\nng,P2,1,A,\nok,P1,1,reference,\nng,P2,1,reference,\n",
    ],
)
def test_sheets_as_people_save_them(tmp_path, text):
    study = read(tmp_path, text)
    assert study.parts == ("P1", "P2")
    assert study.appraisers == ("A",)
    assert study.rejected.ravel().tolist() == [False, True]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "study.csv: empty"),
        ("\n \n", "study.csv: empty"),
        (HEAD, "study.csv: no verdict of an appraiser"),
        ("order,appraiser,trial,part\n", "line 1: 0 columns 'verdict', expected 1 – first line: order,appraiser"),
        ("part,appraiser,trial,part,verdict\n", "line 1: 2 columns 'part', expected 1"),
        (SMALL.replace("P2,bad", "P2,scrap", 1), "line 3: verdict 'scrap' is unknown – good/bad, ok/ng"),
        (SMALL.replace("P2,bad", "P2,REVIEW", 1), "line 3: verdict 'REVIEW' is unknown .* REVIEW or FAULT is fail"),
        (SMALL.replace("P2,bad", "P2,", 1), "line 3: no verdict of A on part P2, trial 1 – good/bad"),
        (SMALL.replace("A,1,P2", "A,first,P2"), "line 3: trial 'first', expected 1, 2"),
        (SMALL.replace("A,1,P2", "A,0,P2"), "line 3: trial '0', expected 1, 2"),
        (SMALL.replace("A,1,P2", "A," + "9" * 5000 + ",P2"), "line 3: trial '9"),
        (SMALL.replace("A,1,P2", "A,²,P2"), "line 3: trial '²', expected 1, 2"),
        (SMALL.replace("A,1,P2", ",1,P2"), "line 3: appraiser or part is empty"),
        (SMALL.replace("A,1,P2", "A,1,"), "line 3: appraiser or part is empty"),
        (SMALL.replace("P2,bad", "P2", 1), "line 3: 4 columns, expected 5"),
        (SMALL.replace("P2,bad", "P2,bad,ok", 1), "line 3: 6 columns, expected 5"),
        (SMALL + "3,A,1,p1,bad\n", "line 6: A judged part p1, trial 1, in line 2 already"),
        (SMALL + "3,reference,2,P1,bad\n", "line 6: reference judged part P1 in line 4 already"),
        (SMALL + "3,A,2,P1,good\n", "line 3: part P2 has no verdict of A in trial 2 of 2"),
        (SMALL + "3,B,1,P2,bad\n", "line 2: part P1 has no verdict of B in trial 1 of 1"),
        (SMALL + "3,A,1,P3,good\n", "line 6: part P3 has no reference – one row with appraiser reference"),
        (SMALL + "3,reference,1,P3,good\n", "line 6: part P3 has no verdict of A in trial 1 of 1"),
        (SMALL + "3,A,999999,P1,good\n", "part P1 has no verdict of A in trial 2 of 999999"),
        (SMALL + '3,A,2,"P1,good\n', "line 6: no CSV"),
        (HEAD + "1,reference,1,P1,good\n", "no verdict of an appraiser"),
    ],
)
def test_mistakes_in_a_sheet_are_named_with_their_line(tmp_path, text, message):
    with pytest.raises(InputError, match=message):
        read(tmp_path, text)


def test_files_that_cannot_be_read(tmp_path):
    with pytest.raises(InputError, match=r"none\.csv: cannot be read"):
        read_study(tmp_path / "none.csv")
    with pytest.raises(InputError, match="cannot be read"):
        read_study(tmp_path)
    (tmp_path / "excel.csv").write_bytes(b"PK\x03\x04\xff\xfe\x00")
    with pytest.raises(InputError, match="not a text file in UTF-8"):
        read_study(tmp_path / "excel.csv")


cells = st.sampled_from(["A", "b", "reference", "1", "2", "0", "good", "NG", "", "P1", "P2", '"', "\r", "\0", "x", "²"])
lines = st.lists(cells, max_size=6).map(",".join)


def study_or_one_error(folder, data):
    path = folder / "study.csv"
    path.write_bytes(data)
    complaint = ""
    try:
        study = read_study(path)
    except InputError as error:
        complaint = str(error)
    if complaint:
        assert complaint.startswith(str(path))
        assert len(complaint.splitlines()) == 1
    else:
        assert study.rejected.shape[:2] == (len(study.appraisers), len(study.parts))


@settings(max_examples=100)
@given(data=st.one_of(st.text().map(str.encode), st.binary()))
def test_any_bytes_are_a_study_or_one_error(tmp_path_factory, data):
    study_or_one_error(tmp_path_factory.getbasetemp(), data)


@settings(max_examples=200)
@given(rows=st.lists(lines, max_size=8), end=st.sampled_from(["\n", "\r\n", "\r"]))
def test_any_rows_are_a_study_or_one_error(tmp_path_factory, rows, end):
    study_or_one_error(tmp_path_factory.getbasetemp(), end.join([HEAD.strip(), *rows]).encode())


def test_a_study_whose_columns_do_not_fit():
    with pytest.raises(ValueError, match=r"study: .* appraisers and parts"):
        Study(("P1",), ("A",), np.zeros((1, 2, 1), np.bool_), np.zeros(1, np.bool_))
    with pytest.raises(ValueError, match="no verdict"):
        Study((), ("A",), np.zeros((1, 0, 1), np.bool_), np.zeros(0, np.bool_))
