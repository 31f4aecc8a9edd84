"""One question to one BMC over IPMI 2.0, asked by the program ipmitool.

A process can be killed when a BMC hangs, which no library in a thread can. Source: contract,
oob-faults, E and G; texts of ipmitool 1.8.19.
"""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field

from drydockd import acting
from drydockd.drivers.oob import command
from drydockd.drivers.oob.locks import BmcLocks
from drydockd.drivers.options import Program
from drydockd.errors import DriverPersistent, DriverTransient

IPMITOOL = Program("ipmitool", "ipmitool")

# What a BMC, or ipmitool for it, says of a cipher suite that is not for this BMC.
_OTHER_SUITE = re.compile(
    r"no matching (cipher suite|authentication algorithm|integrity payload)"
    r"|invalid (authentication|integrity|confidentiality) algorithm",
    re.IGNORECASE,
)
# The login was understood and refused. A lost packet says "no response from RAKP 1 message", a
# BMC without a free session "insufficient resources": neither is meant.
_REFUSED_LOGIN = re.compile(
    r"RAKP \d (HMAC is invalid|message (has invalid|indicates an error)(?!.*insufficient))"
    r"|unauthorized (name|role|GUID)|invalid (role|name length)"
    r"|password (is|invalid|incorrect|verification)"
    r"|set session privilege level to \w+ failed: ",
    re.IGNORECASE,
)
# Nothing but the password, or the key derived with it, can be wrong: no other suite is tried.
_REFUSED_NAME = re.compile(r"unauthorized (name|role)|invalid role|privilege level", re.IGNORECASE)
_COMPLETION = re.compile(r"rsp=0x([0-9a-f]+)\)(?:: (.*))?", re.IGNORECASE)
_NOTHING_THERE = re.compile(
    r"not present \((?!no response)|command failed: |unknown fru header", re.IGNORECASE
)
# What -v tells besides, and what is said after a good answer by BMCs that end the session.
_NOISE = re.compile(
    r"loading iana|running |discovered |raw re|invalid completion code received|get hpm"
    r"|ipm controller|error response 0x\w+ from get picmg|([0-9a-f]{2}\s*)+$"
    r"|close session command failed",
    re.IGNORECASE,
)
_MOST_SAID = 200
# BMCs of which the cipher suite is remembered.
MOST_REMEMBERED = 20_000


class Refused(Exception):
    """The BMC answered the question with a completion code other than "done"."""

    def __init__(self, code: int, text: str) -> None:
        super().__init__(f"completion code 0x{code:02x}, {text}")
        self.code = code


class NoAnswer(Exception):
    """ipmitool says in words of its own that the BMC has nothing to tell."""


@dataclass(frozen=True, slots=True)
class Bmc:
    """Where a node's BMC is, and how one logs in. `suites`: in the order they are tried."""

    host: str
    address: str
    port: int
    account: str
    privilege: str
    suites: tuple[int, ...]
    credential: str = field(repr=False)

    @property
    def key(self) -> str:
        return f"{self.address} port {self.port}"


class Ipmitool:
    """Asks BMCs, one question of each at a time, and remembers the cipher suite each takes."""

    def __init__(self, command_seconds: float) -> None:
        self._command_seconds = command_seconds
        self._locks = BmcLocks()
        self._starter = command.Starter()
        self._suites: dict[str, int] = {}
        self._turns: dict[str, int] = {}

    def close(self) -> None:
        self._starter.close()

    async def ask(
        self, bmc: Bmc, what: str, *words: str, until: float, is_act: bool = False
    ) -> str:
        """Return what ipmitool prints for `words`; `what` says in an error what was asked.

        `is_act`: it changes something, so each run takes the right to act.

        Raises DriverTransient, DriverPersistent; Refused and NoAnswer, once logged in.
        """
        async with self._hold(bmc, what, until):
            for suite in self._order(bmc):
                if is_act:
                    await acting.may_act()
                ended = await self._run(bmc, what, suite, words, until)
                if _is_answer(ended):
                    _remember(self._suites, bmc.key, suite)
                    self._turns.pop(bmc.key, None)
                    return ended.out
                said = _said(f"{ended.err}\n{ended.out}", bmc)
                if not _is_for_another_suite(said, bmc.key in self._suites):
                    break
        raise self._failure(bmc, what, ended, said)

    def _order(self, bmc: Bmc) -> tuple[int, ...]:
        """The suites to try: what it took last first, else another one first each time.

        A BMC may drop what is not for it without a word, and then looks like a dead one.
        """
        learnt = self._suites.get(bmc.key)
        if learnt in bmc.suites:
            return (learnt, *(suite for suite in bmc.suites if suite != learnt))
        turn = self._turns.get(bmc.key, 0) % len(bmc.suites)
        return bmc.suites[turn:] + bmc.suites[:turn]

    @asynccontextmanager
    async def _hold(self, bmc: Bmc, what: str, until: float) -> AsyncIterator[None]:
        waiting = asyncio.timeout_at(until)
        try:
            async with waiting, self._locks.hold(bmc.key):
                waiting.reschedule(None)
                yield
        except TimeoutError:
            if not waiting.expired():
                raise
            raise DriverTransient(
                f"{bmc.host}: {what}: other calls kept BMC {bmc.key} busy; it takes one at a time"
            ) from None

    async def _run(
        self, bmc: Bmc, what: str, suite: int, words: tuple[str, ...], until: float
    ) -> command.Ended:
        path = IPMITOOL.path()
        if path is None:
            raise DriverPersistent(f"{bmc.host}: {what}: needs {IPMITOOL}")
        # -v says why a login failed; twice it would print session keys.
        arguments = [path, "-v", "-I", "lanplus", "-H", bmc.address, "-p", str(bmc.port)]
        arguments += ["-U", bmc.account, "-E", "-C", str(suite), "-L", bmc.privilege]
        arguments += ["-N", "1", "-R", "3", *words]
        environment = {"LC_ALL": "C", "IPMI_PASSWORD": bmc.credential}
        question = command.Question(bmc.host, what, f"BMC {bmc.key}")
        try:
            return await command.ask(
                question,
                arguments,
                environment=environment,
                seconds=self._command_seconds,
                until=until,
                starter=self._starter,
            )
        except DriverTransient:
            self._next_turn(bmc)
            raise

    def _next_turn(self, bmc: Bmc) -> None:
        if bmc.key not in self._suites:
            _remember(self._turns, bmc.key, self._turns.get(bmc.key, 0) + 1)

    def _failure(self, bmc: Bmc, what: str, ended: command.Ended, said: str) -> Exception:
        """What it means that ipmitool failed with what it `said`."""
        if found := _COMPLETION.search(said):
            return Refused(int(found[1], 16), found[2] or "no text")
        where = f"{bmc.host}: {what}: BMC {bmc.key}"
        if _OTHER_SUITE.search(said):
            self._suites.pop(bmc.key, None)
            suites = ", ".join(str(suite) for suite in bmc.suites)
            return DriverPersistent(
                f"{where} takes none of the cipher suites {suites} ({said}); name one that it "
                "takes in pyghmi_driver.cipher_suites or the node's oob.cipher_suite"
            )
        if _REFUSED_LOGIN.search(said):
            return DriverPersistent(
                f"{where} refuses the login as {bmc.privilege} ({said}); check oob.account, "
                "oob.credential and oob.privilege"
            )
        if _NOTHING_THERE.search(said):
            return NoAnswer(said)
        self._next_turn(bmc)
        text = said or f"ipmitool ended with {ended.code} and no word"
        return DriverTransient(f"{where} does not answer ({text})")


def _remember(known: dict[str, int], key: str, value: int) -> None:
    """Note it as the newest, and forget the oldest beyond the bound."""
    known.pop(key, None)
    known[key] = value
    if len(known) > MOST_REMEMBERED:
        del known[next(iter(known))]


def _is_answer(ended: command.Ended) -> bool:
    """Whether the question was answered, however the session ended after it."""
    if ended.code == 0:
        return True
    lines = [line for line in ended.err.splitlines() if line.strip()]
    return (
        bool(ended.out.strip())
        and any("close session" in line.lower() for line in lines)
        and all(_NOISE.match(line.strip()) for line in lines)
    )


def _is_for_another_suite(said: str, is_learnt: bool) -> bool:
    """Whether it is worth asking again with another cipher suite, at once.

    A wrong password looks like a wrong suite to some BMCs, so that one no one logged in to yet
    gets a try with each: ipmitool sends no login after RAKP 2 does not fit, which counts nowhere.
    """
    if _OTHER_SUITE.search(said):
        return True
    return bool(not is_learnt and _REFUSED_LOGIN.search(said) and not _REFUSED_NAME.search(said))


def _said(text: str, bmc: Bmc) -> str:
    """The lines of ipmitool's errors that say something, as one; never with the password."""
    lines = [line.strip().lstrip("> ") for line in text.splitlines()]
    told = "; ".join(line for line in lines if line and not _NOISE.match(line))
    if bmc.credential:
        told = told.replace(bmc.credential, "***")
    return told[:_MOST_SAID]
