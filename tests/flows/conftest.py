"""The fixtures that the flow tests share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .space import Space
from .table import KINDS, build_project


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    """An empty folder in which workflows are written and run."""
    made = Space(tmp_path)
    yield made
    made.close()


@pytest.fixture(params=KINDS)
def kind(request: pytest.FixtureRequest) -> str:
    """The kind of action: each test that asks for it runs once with each."""
    name: str = request.param
    return name


@pytest.fixture
def project(space: Space, kind: str) -> Space:
    """The workflow of the table of changes, built once."""
    build_project(space, kind)
    return space
