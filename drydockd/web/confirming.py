"""What must be typed before machines are harmed, and how a button that harms them is named."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from drydockd.errors import InvalidInput
from drydockd.model import Action

# What the button says; {} is how many machines, or the site.
EFFECTS = {
    Action.VALIDATE_DESIGN: "Check the design of {}",
    Action.VERIFY_SITE: "Verify {}",
    Action.PREPARE_SITE: "Prepare {}",
    Action.VERIFY_NODES: "Verify {}",
    Action.PREPARE_NODES: "Prepare {}",
    Action.DEPLOY_NODES: "Deploy {}",
    Action.DESTROY_NODES: "Wipe {}",
    Action.RELABEL_NODES: "Relabel {}",
    Action.ACCEPT_NODES: "Accept the hardware of {}",
    Action.POWER_ON_NODES: "Power on {}",
    Action.POWER_OFF_NODES: "Power off {}",
    Action.POWER_CYCLE_NODES: "Power cycle {}",
}
# What they lose, said on the page; whoever wants it types a name and the number.
HARMS = {
    Action.DESTROY_NODES: "Their disks are wiped and they are taken out of service. "
    "Nothing brings the data back.",
    Action.POWER_OFF_NODES: "They are cut off at once, whatever runs on them.",
    Action.POWER_CYCLE_NODES: "They are restarted at once, whatever runs on them.",
}
# What is worth knowing of the others.
NOTES = {
    Action.DEPLOY_NODES: "A machine that is deployed already is left as it is: destroy it first.",
    Action.PREPARE_NODES: "Machines that the provisioner does not know are started from the "
    "network; those that it knows are left alone.",
}


@dataclass(frozen=True, slots=True)
class Confirmation:
    """What one action on these nodes asks for. `nodes` empty: it is about the site as a whole."""

    action: Action
    site: str
    nodes: Sequence[str]

    @property
    def effect(self) -> str:
        """The button's words: ``Wipe 12 machines``."""
        count = len(self.nodes)
        what = f"{count} machine{'' if count == 1 else 's'}" if count else f"site {self.site}"
        return EFFECTS[self.action].format(what)

    @property
    def harm(self) -> str:
        return HARMS.get(self.action, "")

    @property
    def note(self) -> str:
        return NOTES.get(self.action, "")

    @property
    def is_typed(self) -> bool:
        """Whether a name and the number have to be typed."""
        return self.action in HARMS

    @property
    def name(self) -> str:
        """What has to be typed: the one node's name, else the site's."""
        return self.nodes[0] if len(self.nodes) == 1 else self.site

    def check(self, typed_name: str, typed_count: str) -> None:
        """Raise InvalidInput unless what was typed is what is about to happen."""
        if not self.is_typed:
            return
        what = "node" if len(self.nodes) == 1 else "site"
        if typed_name != self.name:
            raise InvalidInput(
                f"Nothing was done: the name of the {what} is {self.name}, not "
                f"{typed_name[:60] or 'empty'}"
            )
        if typed_count != str(len(self.nodes)):
            raise InvalidInput(
                f"Nothing was done: {len(self.nodes)} machines are meant, not "
                f"{typed_count[:20] or 'none'}; look at the list again"
            )


# Step at work -> what becomes of a node that is in it when its task is stopped.
LEAVES = {
    Action.DEPLOY_NODE: "may go on installing in the provisioner, and are not followed any more",
    Action.BOOTACTION_REPORT: "are installed; what they still report is recorded, nobody waits",
    Action.DESTROY_NODE: "are wiped to the end if that has begun; look at each before it is used",
    Action.IDENTIFY_NODE: "are powered on and may still show up at the provisioner",
    Action.CONFIGURE_HARDWARE: "may go on commissioning in the provisioner",
    Action.POWER_CYCLE_NODE: "are powered on again: none is left off half-way",
}
OTHERWISE = "end what is under way, and begin nothing further"


def leaves(step: str) -> str:
    """Return what becomes of nodes in a step when their task is stopped."""
    try:
        return LEAVES.get(Action(step), OTHERWISE)
    except ValueError:
        return OTHERWISE
