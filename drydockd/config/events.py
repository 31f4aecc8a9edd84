"""The options of events: how long they are kept, and the webhooks that are told of them."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Self

from pydantic import Field, SecretStr, field_validator, model_validator

from drydockd.config.fields import MIB, Section, Words, opt

KINDS = ("state", "node", "message", "boot_action")
# What a webhook is told of unless it says otherwise: messages are many, and for people.
USUAL = ("state", "node", "boot_action")
SHORTEST_SECRET = 16
MOST_WEBHOOKS = 16


class WebhookFilter(Section):
    """Which events; an empty list is no restriction."""

    kind: Words = opt(USUAL, f"Some of {', '.join(KINDS)}")
    node: Words = opt((), "Only of these nodes")

    @field_validator("kind")
    @classmethod
    def _known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for kind in value:
            if kind not in KINDS:
                raise ValueError(f"{kind} is none of {', '.join(KINDS)}")
        return value or KINDS


class Webhook(Section):
    """One receiver; `name` is under which its place is kept, and shown."""

    name: str = opt(..., "Its name", pattern=r"^[a-z0-9](?:[a-z0-9-]{0,30}[a-z0-9])?$")
    url: str = opt(..., "Where events are posted to", pattern=r"^https?://[^\s/?#@]+(?:/[^\s#]*)?$")
    secret: SecretStr | None = opt(None, "What they are signed with")
    secret_file: Path | None = opt(None, "A file that holds it")
    filter: WebhookFilter = opt(WebhookFilter(), "Which events")

    @model_validator(mode="after")
    def _signed(self) -> Self:
        if (self.secret is None) == (self.secret_file is None):
            raise ValueError(f"webhook {self.name}: say secret or secret_file, one of them")
        if self.secret is not None and len(self.secret.get_secret_value()) < SHORTEST_SECRET:
            raise ValueError(
                f"webhook {self.name}: its secret is shorter than {SHORTEST_SECRET} characters"
            )
        return self


class Events(Section):
    keep_bytes: int = opt(
        64 * MIB,
        "Bytes of folded journals that are kept, so that readers of events find what they missed",
        ge=0,
        le=65536 * MIB,
    )
    webhooks: Annotated[tuple[Webhook, ...], Field(max_length=MOST_WEBHOOKS)] = opt(
        (),
        "Who is told of events, see docs/events.md: a list of {name: ..., url: ..., secret: ... or "
        "secret_file: ..., filter: {kind: [...], node: [...]}}",
    )
    webhook_seconds: int = opt(10, "Seconds in which a webhook must answer", ge=1, le=300)
    webhook_retry_seconds: int = opt(
        300, "Longest pause, in seconds, before an event is sent to it again", ge=1, le=86400
    )

    @field_validator("webhooks")
    @classmethod
    def _named_once(cls, value: tuple[Webhook, ...]) -> tuple[Webhook, ...]:
        names = [webhook.name for webhook in value]
        if twice := sorted({name for name in names if names.count(name) > 1}):
            raise ValueError(f"two webhooks have the name {twice[0]}")
        return value
