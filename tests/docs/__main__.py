"""Write the pages that are written by the program itself: ``python -m tests.docs``."""

from tests.docs import commands
from tests.docs.pages import ROOT

(ROOT / "docs" / "commands.md").write_text(commands.page(), encoding="utf-8")
