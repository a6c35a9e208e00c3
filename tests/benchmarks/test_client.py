"""Output of wrk, and the failed requests in it."""

from __future__ import annotations

import pytest

from benchmarks.client import free_folder, seconds_per_request

REPORT = """Running 3s test @ http://127.0.0.1:8000/
  1 threads and 1 connections
  3000 requests in 3.00s, 2.25GB read
{faults}Requests/sec:   1000.00
Transfer/sec:    767.00MB
"""


def test_the_rate_of_a_report():
    assert seconds_per_request(REPORT.format(faults="")) == 0.001


@pytest.mark.parametrize(
    "faults",
    ["  Non-2xx or 3xx responses: 3\n", "  Socket errors: connect 0, read 3, write 0, timeout 0\n"],
)
def test_failed_requests_are_no_figure(faults):
    with pytest.raises(ValueError, match="requests failed"):
        seconds_per_request(REPORT.format(faults=faults))


def test_no_rate_is_no_figure():
    with pytest.raises(ValueError, match="requests failed"):
        seconds_per_request("unable to connect to 127.0.0.1:8000 Connection refused")


def test_a_folder_with_room():
    assert free_folder(1) is not None
    assert free_folder(1 << 62) is None
