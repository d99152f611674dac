"""What the emulator says over its pipe."""

import os
from collections.abc import Iterator

import pytest

from local.ministack.reports import ReportReader, Reports


@pytest.fixture
def pipe() -> Iterator[tuple[ReportReader, int]]:
    reading, writing = os.pipe()
    reader = ReportReader(reading)
    yield reader, writing
    reader.close()
    os.close(writing)


def test_reports_are_read_once(pipe: tuple[ReportReader, int]) -> None:
    reader, writing = pipe
    assert reader.read() == []
    reports = Reports(writing)
    reports.send("unsaved", "No space left on device")
    reports.send("ended")
    assert reader.read() == [{"unsaved": "No space left on device"}, {"ended": True}]
    assert reader.read() == []


def test_half_a_report_is_waited_for(pipe: tuple[ReportReader, int]) -> None:
    reader, writing = pipe
    os.write(writing, b'{"en')
    assert reader.read() == []
    os.write(writing, b'ded": true}\n')
    assert reader.read() == [{"ended": True}]


def test_closed_reader_has_no_reports(pipe: tuple[ReportReader, int]) -> None:
    reader, writing = pipe
    Reports(writing).send("ended")
    reader.close()
    reader.close()
    assert reader.read() == []


def test_report_without_a_reader_is_dropped() -> None:
    Reports(None).send("ended")
    reading, writing = os.pipe()
    os.close(reading)
    Reports(writing).send("ended")
    os.close(writing)
