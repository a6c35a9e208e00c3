"""Libraries of the explorer: bytes of the locked npm packages."""

from __future__ import annotations

import hashlib
import json

from tools.explorer.vendor import DIGESTS, FOLDER, LICENSES, LOCK, SOURCES, versions


def test_each_file_has_its_digest() -> None:
    digests = json.loads(DIGESTS.read_text())
    assert {path.name for path in FOLDER.glob("*.js")} == set(digests) == set(SOURCES)
    for name, facts in digests.items():
        assert hashlib.sha256((FOLDER / name).read_bytes()).hexdigest() == facts["sha256"], name


def test_each_file_is_of_the_locked_package() -> None:
    locked = versions()
    for name, facts in json.loads(DIGESTS.read_text()).items():
        source = SOURCES[name]
        assert facts["package"] == f"{source.package}@{locked[source.package]}"
        assert facts["path"] == source.path
    packages = json.loads(LOCK.read_text())["packages"]
    assert all("integrity" in package for path, package in packages.items() if path)
    asked = json.loads(LOCK.with_name("package.json").read_text())["dependencies"]
    assert asked == {name: locked[name] for name in asked}
    assert set(asked) == {source.package for source in SOURCES.values()}


def test_each_package_has_its_licence() -> None:
    text = LICENSES.read_text()
    locked = versions()
    for package in {source.package for source in SOURCES.values()} | {
        "internmap",
        "binary-search-bounds",
        "interval-tree-1d",
    }:
        assert f"{package} {locked[package]}\n===" in text
