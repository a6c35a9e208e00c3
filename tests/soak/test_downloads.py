"""A server killed while it streams costs no byte: a short run of what `make soak` does at length."""

from __future__ import annotations

from tools.soak.downloads import tear


def test_every_download_goes_on_at_the_other_replica() -> None:
    torn = tear(3, mebibytes=64, seed=1)
    assert torn.right == torn.downloads == 3
    assert torn.torn >= 1
