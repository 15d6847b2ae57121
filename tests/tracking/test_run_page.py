import re

import pytest

from flexcv.tracking.run_page import PageFile, RunContent, run_page

SCRIPT = "<script>alert(1)</script>"


def page_with(key, ending, content):
    file = PageFile(key, ending, content.encode())
    return run_page([RunContent("sleep", files={key: file})])


def test_the_curves_of_all_folds_are_one_chart():
    points = [(0, 1.0), (1, 0.5)]
    series = {f"Ridge/fold {n}/tuning/value": points for n in range(2)}

    page = run_page([RunContent("sleep", series=series)])

    assert page.count("<svg ") == 1
    assert page.count("stroke-width='1.6'") == 2
    assert ">fold 0</text>" in page
    assert ">fold 1</text>" in page


def test_numbers_have_a_row_each_and_a_column_per_fold():
    numbers = {"Ridge/fold 0/test/mse": 0.5, "Ridge/fold 1/test/mse": 0.25}

    page = run_page([RunContent("sleep", numbers)])

    assert "<th>fold 0</th><th>fold 1</th>" in page
    assert (
        "<tr><th>test/mse</th><td class='n'>0.5</td><td class='n'>0.25</td></tr>"
    ) in page


def test_what_belongs_to_no_model_stands_before_the_models():
    content = RunContent("sleep", {"seconds": 3.0, "Ridge/fold 0/test/mse": 0.5})

    page = run_page([content])

    assert page.index("<th>seconds</th>") < page.index("<h2>Ridge</h2>")


def test_pages_are_shown_in_a_frame_in_which_no_script_runs():
    page = page_with("mine", "html", SCRIPT)

    assert "<iframe sandbox title='mine' srcdoc='&lt;script&gt;" in page
    assert "<script" not in page


@pytest.mark.parametrize("ending", ["svg", "csv", "txt", "js", ""])
def test_no_file_can_bring_a_script(ending):
    assert "<script" not in page_with("mine", ending, SCRIPT)


def test_no_name_or_setting_can_bring_a_script():
    content = RunContent(
        SCRIPT,
        {f"{SCRIPT}/fold 0/x": 1.0},
        {SCRIPT: SCRIPT},
        {SCRIPT: [(0, 1.0)]},
        {SCRIPT: [SCRIPT]},
        {SCRIPT: PageFile(SCRIPT, "html", b"'><script>")},
    )

    assert "<script" not in run_page([content])


def test_the_page_loads_nothing_and_says_so():
    page = page_with("drawing", "svg", "<svg></svg>")

    assert not re.search("(src|href)='(?!data:)", page)
    assert "default-src 'none'" in page


def test_a_table_is_laid_out_and_the_summary_is_open():
    page = page_with("tables/summary", "csv", "a,b\n1,0.123456789\n")

    assert "<details open><summary>tables/summary.csv</summary>" in page
    assert "<tr><td>1</td><td>0.123457</td></tr>" in page


def test_other_bytes_are_named_with_their_size():
    assert "<p>model.bin: 3 bytes</p>" in page_with("model", "bin", "\0ab")
