"""What all requests have in common, and all answers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, ClassVar

from pydantic import BaseModel, ConfigDict


class Request(BaseModel):
    """A body a caller sends. A key it does not have is refused: a typo must not widen it."""

    model_config = ConfigDict(extra="forbid", frozen=True, strict=True)

    @classmethod
    def refusal(cls, field: str, given: Mapping[str, object]) -> str | None:
        """Return the words in which the contract refuses `field` of a body; None: the usual ones.

        Asked when the field is missing or cannot be used.
        """
        return None


class Answer(BaseModel, Mapping[str, Any]):
    """What the API answers: attributes, and the mapping that the original's client returned.

    Keys are those on the wire (``task["apiVersion"]``, ``task.api_version``). A key that did not
    come is no key; a key that is not known here is kept, so that a newer server can be read.
    A field that is added later gets a default, so that an older one can. `as_dict` gives JSON.
    """

    model_config = ConfigDict(extra="allow", frozen=True)

    _fields: ClassVar[dict[str, str]]

    @classmethod
    def __pydantic_init_subclass__(cls, **more: object) -> None:
        super().__pydantic_init_subclass__(**more)
        cls._fields = {field.alias or name: name for name, field in cls.model_fields.items()}

    def as_dict(self) -> dict[str, Any]:
        """Return what came, as JSON types under the names of the wire."""
        return self.model_dump(mode="json", by_alias=True, exclude_unset=True)

    def __getitem__(self, key: str) -> Any:
        name = self._fields.get(key)
        if name is None:
            return (self.model_extra or {})[key]
        if name not in self.model_fields_set:
            raise KeyError(key)
        return getattr(self, name)

    def __iter__(self) -> Iterator[str]:  # type: ignore[override]  # a model's gives pairs
        for key, name in self._fields.items():
            if name in self.model_fields_set:
                yield key
        yield from self.model_extra or ()

    def __len__(self) -> int:
        return sum(1 for _ in self)

    def __eq__(self, other: object) -> bool:
        if isinstance(other, Answer):
            return super().__eq__(other)
        return isinstance(other, Mapping) and self.as_dict() == other

    __hash__ = None  # type: ignore[assignment]  # as a dict
