"""Who may do what: drydockd's rules under the operators' own, asked through oslo.policy."""

from __future__ import annotations

import difflib
import logging
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from oslo_config import cfg
from oslo_policy import policy

from drydockd.auth import rulefile
from drydockd.auth.rules import NAMES, PREFIX, RULES, full_name
from drydockd.errors import Forbidden, Unauthenticated
from drydockd.model import Caller

log = logging.getLogger(__name__)

DEFAULT_RULE = "default"
MAX_ANSWERS = 10_000


class Policy:
    """The rules in force. One per daemon; `reload` replaces them all or none.

    `policy_file` may be absent; `policy_dirs` are read after it, in order, each file in
    name order, later definitions winning. Raises InvalidConfig for files that are broken.
    Nothing is read per request, and the same question is only worked out once.
    """

    def __init__(
        self,
        policy_file: Path | None = None,
        policy_dirs: Sequence[Path] = (),
        default_rule: str = DEFAULT_RULE,
    ) -> None:
        self._file = policy_file
        self._dirs = tuple(policy_dirs)
        self._default_rule = default_rule
        self._answers: dict[tuple[object, ...], bool] = {}
        self._enforcer = self._load()

    def allows(self, rule: str, caller: Caller) -> bool:
        """Whether `caller` satisfies `rule`, with or without its prefix; undefined: no."""
        question = (
            rule,
            caller.roles,
            caller.user_id,
            caller.user_domain_id,
            caller.project_id,
            caller.project_domain_id,
            caller.is_admin_project,
        )
        answer = self._answers.get(question)
        if answer is None:
            if len(self._answers) >= MAX_ANSWERS:
                self._answers.clear()
            answer = self._ask(full_name(rule), caller)
            self._answers[question] = answer
        return answer

    def require(self, rule: str, caller: Caller) -> None:
        """Return if `caller` satisfies `rule`, authenticated or not.

        Else raises Forbidden, or Unauthenticated for a caller without identity.
        """
        if self.allows(rule, caller):
            return
        if caller.authenticated:
            raise Forbidden("Forbidden")
        raise Unauthenticated()

    def reload(self) -> None:
        """Read the files again. Raises InvalidConfig and keeps the old rules if one is broken."""
        self._enforcer = self._load()
        self._answers.clear()

    def is_defined(self, rule: str) -> bool:
        """Whether `rule` has a definition of its own (not just the default rule)."""
        return full_name(rule) in self._enforcer.rules

    def checks(self) -> Mapping[str, str]:
        """Return rule name -> check in force, as text, sorted by name."""
        return {name: str(check) for name, check in sorted(self._enforcer.rules.items())}

    def _ask(self, rule: str, caller: Caller) -> bool:
        target = {"project_id": caller.project_id, "user_id": caller.user_id}
        return bool(self._enforcer.enforce(rule, target, _credentials(caller)))

    def _load(self) -> policy.Enforcer:
        texts: dict[str, tuple[rulefile.RuleText, str]]
        texts = {rule.name: (rule.check, "default") for rule in RULES}
        for path in self._files():
            read = rulefile.read_rules(path)
            _warn_of_unknown(path, read)
            texts |= {name: (text, str(path)) for name, text in read.items()}
        rules = rulefile.parse_rules(texts, self._default_rule)
        for name, missing in rulefile.undefined_references(rules).items():
            log.warning(
                "policy rule %s refers to %s, which nobody defines: that part denies",
                name,
                ", ".join(missing),
            )
        # use_conf=False: the enforcer reads no files and no options of its own.
        enforcer = policy.Enforcer(cfg.ConfigOpts(), use_conf=False)
        enforcer.default_rule = self._default_rule
        enforcer.set_rules(rules, use_conf=False)
        return enforcer

    def _files(self) -> list[Path]:
        files = []
        if self._file is not None and rulefile.is_there(self._file):
            files.append(self._file)
        elif self._file is not None:
            log.info("no policy file %s: the default rules apply", self._file)
        for folder in self._dirs:
            files += rulefile.files_of(folder)
        return files


def _credentials(caller: Caller) -> dict[str, object]:
    return {
        "user_id": caller.user_id,
        "user_domain_id": caller.user_domain_id,
        "project_id": caller.project_id,
        "project_domain_id": caller.project_domain_id,
        "roles": list(caller.roles),
        "is_admin_project": caller.is_admin_project,
        # For `is_admin:1` in rules; the original never set it, so that half never matched.
        "is_admin": int(any(role.lower() == "admin" for role in caller.roles)),
    }


def _warn_of_unknown(path: Path, names: Iterable[str]) -> None:
    for name in names:
        if name.startswith(PREFIX) and name not in NAMES:
            close = difflib.get_close_matches(name, NAMES, n=1)
            hint = f"; did you mean {close[0]}?" if close else ""
            log.warning("%s: %s guards nothing%s", path, name, hint)
