"""Package lists: written in the design, or fetched as a YAML or JSON document."""

from __future__ import annotations

from collections.abc import Mapping

import yaml

from drydockd.errors import RenderError


def from_mapping(value: object) -> dict[str, str | None]:
    """Return package name -> version or None. Raises RenderError: InvalidPackageListFormat."""
    if not isinstance(value, Mapping):
        raise _invalid(f"a mapping of package names to versions is needed, not {_kind(value)}")
    return {_name(name): _version(name, version) for name, version in value.items()}


def from_document(content: bytes) -> dict[str, str | None]:
    """Return the package list in a YAML or JSON document of one flat mapping."""
    try:
        # Looked at before anything is built: nesting and aliases are how YAML explodes.
        _refuse_depth(content)
        value: object = yaml.load(content, Loader=_LOADER)  # noqa: S506, a safe loader
    except yaml.YAMLError as error:
        if "nesting depth" in str(error):
            # PyYAML's own limit, since 6.0.4: its scanner meets it before our look at events.
            raise _invalid(_NESTED) from None
        raise _invalid(f"neither YAML nor JSON: {_brief(error)}") from None
    except (ValueError, RecursionError) as error:
        raise _invalid(f"neither YAML nor JSON: {error}") from None
    return from_mapping(value)


_NESTED = "it is nested, versions are text"
_LOADER: type[yaml.SafeLoader | yaml.CSafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)


def _refuse_depth(content: bytes) -> None:
    depth = 0
    for event in yaml.parse(content, Loader=_LOADER):
        if isinstance(event, yaml.AliasEvent):
            raise _invalid("it has an alias")
        if isinstance(event, yaml.CollectionStartEvent):
            depth += 1
            if depth > 1:
                raise _invalid(_NESTED)
        elif isinstance(event, yaml.CollectionEndEvent):
            depth -= 1


def _name(name: object) -> str:
    if not isinstance(name, str) or not name:
        raise _invalid(f"package name {name!r:.80} is not text")
    return name


def _version(name: object, version: object) -> str | None:
    if not version:
        return None
    if not isinstance(version, str):
        raise _invalid(f"version {version!r:.80} of {name} is not text; quote it")
    return version


def _kind(value: object) -> str:
    return "nothing" if value is None else type(value).__name__


def _brief(error: yaml.YAMLError) -> str:
    mark = getattr(error, "problem_mark", None)
    line = f" (line {mark.line + 1})" if mark else ""
    return f"{getattr(error, 'problem', None) or type(error).__name__}{line}"


def _invalid(why: str) -> RenderError:
    return RenderError(f"InvalidPackageListFormat: {why}")
