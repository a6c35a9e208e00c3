"""The servers of the client's tests."""

from tests.tensorseed.client.conftest import application, between, running, spec, url

__all__ = ["application", "between", "running", "spec", "url"]
