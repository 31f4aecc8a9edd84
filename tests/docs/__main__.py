"""Write what the program itself knows: ``python -m tests.docs``."""

from drydockd import parts
from drydockd.config.sample import sample
from tests.docs import api, commands, dashboard, routes
from tests.docs.pages import ROOT

(ROOT / "docs" / "commands.md").write_text(commands.page(), encoding="utf-8")
(ROOT / "conf" / "drydockd.yaml").write_text(sample(parts.schema()), encoding="utf-8")
routes.PAGE.write_text(routes.page(), encoding="utf-8")
api.DOCUMENT.write_text(api.text(), encoding="utf-8")
api.PAGE.write_text(api.page(), encoding="utf-8")
routes.POLICY.write_text(routes.policy(), encoding="utf-8")
dashboard.FILE.write_text(dashboard.page(), encoding="utf-8")
