"""The page's scripts: what several share stands once, and a file that is saved holds what was handed over."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
from pathlib import Path

import pytest

from explorer.components.scripts import function_of, script_of
from explorer.tabs.layers import tab as layers

EXPLORER = Path(layers.__file__).parents[2]
SHARED = EXPLORER / "components" / "page.js"
SAVED = """
let saved = null;
globalThis.URL = class { static createObjectURL(blob) { saved = {blob}; return 'blob:1'; } static revokeObjectURL() {} };
globalThis.setTimeout = (later) => later();
globalThis.document = {createElement: () => ({click() { saved.name = this.download; saved.href = this.href; }})};
const keep = eval(process.argv[1]);
keep(process.argv[2]);
saved.blob.text().then((text) => console.log(JSON.stringify({text, type: saved.blob.type, name: saved.name, href: saved.href})));
"""


def test_a_script_can_use_what_is_shared(tmp_path: Path) -> None:
    (tmp_path / "mine.js").write_text("make('b', '');\n")
    shared = SHARED.read_text()
    assert script_of(tmp_path / "mine.js") == shared + "make('b', '');\n"
    assert function_of(tmp_path / "mine.js", "text") == f"(text) => {{\n{shared}make('b', '');\n}}"


def test_nothing_that_is_shared_is_written_twice() -> None:
    names = re.findall(r"^const (\w+) =", SHARED.read_text(), re.M)
    assert names == ["make", "save", "pointing"]
    for path in EXPLORER.rglob("*.js"):
        if path != SHARED:
            assert not set(names) & set(re.findall(r"(?:const|let|var|function) (\w+)", path.read_text())), path


def test_the_layers_table_is_saved_as_it_is() -> None:
    node = shutil.which("node")
    if node is None:
        pytest.skip("node is not installed: saving is seen in the browser's tests only")
    text = "layer,parameters\nfeatures.conv0,9408\n"
    done = subprocess.run([node, "-e", SAVED, "--", layers._SAVE, text], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == {"text": text, "type": "text/csv", "name": "densenet-layers.csv", "href": "blob:1"}
