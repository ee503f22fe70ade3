"""The fixture that the projects share."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.flows.space import Space


@pytest.fixture
def space(tmp_path: Path) -> Iterator[Space]:
    """An empty folder; `projects.begin` puts a project into it."""
    made = Space(tmp_path)
    yield made
    made.close()
