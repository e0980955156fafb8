"""Progress of long work where no terminal shows a bar."""

import time

import pytest

from unknot import progress


def test_long_work_prints_a_line_at_the_start_and_every_ten_seconds(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    now = 0.0
    monkeypatch.setattr(time, "monotonic", lambda: now)
    with progress.progress_bar(True) as bar:
        task = bar.add_task("training", total=40)
        for _ in range(40):
            now += 1.0
            bar.advance(task)
    first, *others = capsys.readouterr().err.splitlines()
    assert first == "training …"
    assert [line.partition(",")[0] for line in others] == [
        f"training: {count} of 40" for count in (10, 20, 30, 40)
    ]


def test_hidden_progress_prints_nothing(capsys: pytest.CaptureFixture[str]) -> None:
    with progress.progress_bar(False) as bar:
        bar.advance(bar.add_task("training", total=1))
    captured = capsys.readouterr()
    assert captured.out == captured.err == ""


def test_work_without_a_word_says_that_it_goes_on_and_what_was_last(
    capfd: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(progress, "INTERVAL", 0.03)
    monkeypatch.setattr(progress, "GRACE", 0.02)
    seen = ""
    with progress.heartbeat("unknot run toy"):
        progress.announce("planning")
        while seen.count("last: ") < 2:
            time.sleep(0.01)
            seen += capfd.readouterr().err
    capfd.readouterr()
    lines = [line for line in seen.splitlines() if "last: " in line]
    assert lines[0] == 'unknot run toy: still working after 0 s; last: "planning"'
    time.sleep(0.2)
    assert "still working" not in capfd.readouterr().err  # the command has ended
