"""Values that nobody is to see are hidden however they are written."""

import json
from pathlib import Path

import pytest

from fileflow.world.secrets import hidden, hide_in_file, secrets_of

AWKWARD = 'quo"ted\\pä ss'


@pytest.mark.parametrize(
    "written",
    [
        AWKWARD,
        repr(AWKWARD),
        json.dumps(AWKWARD),
        json.dumps(AWKWARD, ensure_ascii=False),
        json.dumps({"text": [f"say {AWKWARD!r}"]}),
        json.dumps(json.dumps([AWKWARD])),
    ],
)
def test_a_value_is_hidden_as_other_texts_write_it(written: str, tmp_path: Path):
    secrets = secrets_of(["TOKEN"], {"TOKEN": AWKWARD})
    assert "ted" not in hidden(written, secrets)
    file = tmp_path / "log"
    file.write_text(f"before {written} after")
    size = file.stat().st_size
    hide_in_file(str(file), secrets)
    assert "ted" not in file.read_text(errors="replace")
    assert file.stat().st_size == size


def test_short_values_stay():
    assert secrets_of(["A", "B"], {"A": "no", "B": ""}) == ()
