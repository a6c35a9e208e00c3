"""Route groups: one owner for each path, and reserved names."""

from __future__ import annotations

import pytest
from fastapi.routing import APIRoute

from service.server.route_groups import RESERVED, ROUTE_GROUPS, SCOPES, group_of, needs_key, scope_of


@pytest.mark.parametrize("group", ROUTE_GROUPS, ids=lambda group: f"{group.tag}-{group.routers[0].prefix}")
def test_a_group_owns_its_routes_alone(group) -> None:
    paths = [route.path for router in group.routers for route in router.routes if isinstance(route, APIRoute)]
    assert paths
    for path in paths:
        assert [other.owns(path) for other in ROUTE_GROUPS].count(True) == 1
        assert group_of(path) is group
        assert needs_key(path) is not group.is_public
        assert scope_of(path) in {group.scope, None}


def test_a_group_owns_unknown_paths_below_its_own() -> None:
    weights = group_of("/v1/weights/a/b/c")
    assert weights is not None
    assert weights.tag == "weights"
    assert group_of("/v1/weightsx") is None
    assert group_of("/v1/nothing") is None


def test_no_id_begins_with_a_segment_of_the_service() -> None:
    assert set(RESERVED) == {"v1", "api", "docs", "healthz", "readyz", "metrics", "openapi.json", "explorer"}


def test_the_scopes() -> None:
    assert SCOPES == ("weights", "losses", "evaluations", "metrics")
    assert scope_of("/api/whoami-v2") is None
    assert scope_of("/api/models") == scope_of("/a/resolve/main/f") == "weights"
