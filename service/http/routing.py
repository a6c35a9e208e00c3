"""Declaration of routes: GET with its HEAD, and groups of routes."""

from __future__ import annotations

import inspect
import re
from collections.abc import Callable, Coroutine, Iterable, Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeVar

from fastapi import APIRouter
from fastapi.routing import APIRoute
from pydantic import BaseModel
from starlette.requests import Request
from starlette.responses import Response

from .openapi import Parameter, Responses, json_answer, model_schemas
from .problems import COMMON, ProblemTable

Endpoint = TypeVar("Endpoint", bound=Callable[..., Coroutine[Any, Any, Response]])


@dataclass(frozen=True)
class RouteGroup:
    """Routes under one tag, and all that serving and documenting them takes.

    Attributes:
        tag: The OpenAPI tag.
        description: The meaning of the tag.
        routers: The routers, in the order in which their routes are matched.
        scope: The scope of API keys that covers the paths; None if every key does.
        is_public: Whether the paths need no key.
        unscoped: Paths of the group that every key opens.
        problems: The kinds of problems, and the form of errors.
        models: Models whose schemas the routes refer to by name.
        schemas: Further component schemas, made when the document is.
        types: Types that several schemas have, by the names of their components; smaller ones first.
        names: Names of components for models that several languages could not have under their own.
        catalogs: Paths that list the members of a union with their formulas and sources, by its component.
        heirs: Models of which several inherit the same members.
        complete: Completes the OpenAPI path items of the group in place.
        pattern: The paths of the group, if the routes' fixed beginnings do not determine them.
    """

    tag: str
    description: str
    routers: tuple[APIRouter, ...]
    scope: str | None = None
    is_public: bool = False
    unscoped: frozenset[str] = frozenset()
    problems: ProblemTable = COMMON
    models: tuple[type[BaseModel], ...] = ()
    schemas: Callable[[], Mapping[str, Any]] = dict
    types: Callable[[], Mapping[str, Any]] = dict
    names: Mapping[str, str] = field(default_factory=dict)
    catalogs: Mapping[str, str] = field(default_factory=dict)
    heirs: Callable[[], Iterable[type[BaseModel]]] = tuple
    complete: Callable[[dict[str, Any]], None] = lambda _: None
    pattern: re.Pattern[str] | None = None

    @cached_property
    def prefixes(self) -> tuple[str, ...]:
        """The fixed beginnings of the routes' paths."""
        paths = (
            route.path for router in self.routers for route in router.routes if isinstance(route, APIRoute)
        )
        return tuple(dict.fromkeys(path.partition("/{")[0] for path in paths))

    @cached_property
    def _pattern(self) -> re.Pattern[str]:
        return self.pattern or re.compile(rf"(?:{'|'.join(map(re.escape, self.prefixes))})(?:/|$)")

    def owns(self, path: str) -> bool:
        """Whether a path belongs to the group, even if no route has it."""
        return self._pattern.match(path) is not None

    def scope_of(self, path: str) -> str | None:
        """The scope of API keys that covers a path of the group; None if every key does."""
        return None if path in self.unscoped else self.scope

    def component_schemas(self) -> dict[str, Any]:
        """The component schemas of the group, by name."""
        return {**model_schemas(*self.models), **self.schemas()}


class PlainRoute(APIRoute):
    """A route whose function takes the request and the path's parameters as text.

    FastAPI documents it like any other. No dependencies are solved for a request.
    """

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        """The function that answers a request."""
        endpoint = self.endpoint

        async def answer(request: Request) -> Response:
            found: Response = await endpoint(request, **request.path_params)
            return found

        return answer


def get_and_head(
    router: APIRouter,
    path: str,
    noun: str,
    *,
    model: type[BaseModel] | None = None,
    responses: Responses | None = None,
    errors: Responses | None = None,
    parameters: list[Parameter] | None = None,
) -> Callable[[Endpoint], Endpoint]:
    """Register a function for GET and HEAD of `path`. Operation `get<noun>` is documented, its HEAD is not.

    `model` or `responses` document the answer, `errors` the problems, and `parameters` the query that the
    function reads by itself.
    """

    def register(endpoint: Endpoint) -> Endpoint:
        text = inspect.cleandoc(endpoint.__doc__ or "")
        summary, _, rest = text.partition("\n")
        answers = responses or (json_answer(model, summary) if model else {})
        router.add_api_route(
            path,
            endpoint,
            methods=["GET"],
            operation_id=f"get{noun}",
            summary=summary.rstrip("."),
            description=rest.strip() or text,
            response_class=Response,
            responses={**answers, **(errors or COMMON.documented())},
            openapi_extra={"parameters": parameters} if parameters else None,
        )
        router.add_api_route(path, endpoint, methods=["HEAD"], include_in_schema=False)
        return endpoint

    return register
