"""Downloads across a killed server: a short run of `make soak`."""

from __future__ import annotations

import pytest

from tools.soak import proxies
from tools.soak.downloads import tear, tear_behind_proxy


def test_every_download_goes_on_at_the_other_replica() -> None:
    torn = tear(3, mebibytes=64, seed=1)
    assert torn.right == torn.downloads == 3
    assert torn.torn >= 1


@pytest.mark.skipif(proxies.executable() is None, reason="needs nginx")
def test_a_stream_through_the_proxy_is_cut_and_goes_on_at_the_other_replica() -> None:
    torn = tear_behind_proxy(1, sliced=False, mebibytes=128)
    assert torn.torn == torn.right == 1
