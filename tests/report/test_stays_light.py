"""Importing what the command line imports costs no template engine and no terminal library."""

from __future__ import annotations

import subprocess
import sys

MODULES = "gcm_sentinel.web.report, gcm_sentinel.web.terminal, gcm_sentinel.web.report_json"


def test_jinja_and_rich_are_not_imported_before_they_are_used() -> None:
    code = f"import sys, {MODULES}; print([name for name in ('jinja2', 'rich', 'markupsafe') if name in sys.modules])"

    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)  # noqa: S603

    assert shown.stdout.strip() == "[]"
