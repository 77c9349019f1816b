"""Samples in parts, several at once: their order, their errors, and the threads that they leave behind."""

import threading
from collections.abc import Iterator

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from spiq.hardware.runtime.sample_parts import AHEAD, over_parts


@pytest.fixture(autouse=True)
def two_threads() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@settings(deadline=None)
@given(st.integers(0, 40), st.integers(1, 50))
def test_every_sample_comes_once_and_in_order(samples: int, size: int) -> None:
    parts = list(over_parts(lambda part: list(range(samples))[part], samples, size))
    assert [sample for part in parts for sample in part] == list(range(samples))
    assert all(0 < len(part) <= size for part in parts)


def test_two_parts_run_at_once() -> None:
    meeting = threading.Barrier(2, timeout=20)
    assert list(over_parts(lambda part: meeting.wait() >= 0, 2, 1)) == [True, True]


def test_an_operation_within_a_part_has_one_thread_and_afterwards_as_many_as_before() -> None:
    assert list(over_parts(lambda part: torch.get_num_threads(), 6, 2)) == [1, 1, 1]
    after: list[int] = []
    later = threading.Thread(target=lambda: after.append(torch.get_num_threads()))
    later.start()
    later.join()
    assert (torch.get_num_threads(), after) == (2, [2])


def test_an_error_comes_when_its_part_is_due() -> None:
    def run(part: slice) -> int:
        if part.start == 3:
            raise ValueError("the fourth")
        return part.start

    found = over_parts(run, 6, 1)
    assert [next(found) for _ in range(3)] == [0, 1, 2]
    with pytest.raises(ValueError, match="the fourth"):
        next(found)
    assert torch.get_num_threads() == 2


def test_no_more_parts_are_begun_than_may_be_held() -> None:
    begun: list[int] = []
    found = over_parts(lambda part: begun.append(part.start), 100, 1)
    next(found)
    found.close()  # type: ignore[attr-defined]
    assert len(begun) <= AHEAD * 2
