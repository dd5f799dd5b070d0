"""Specs as YAML, read strictly."""

from __future__ import annotations

import re
from functools import lru_cache
from pathlib import Path
from typing import Any

import yaml

from unrolled.errors import SpecError
from unrolled.spec.run import RunSpec

__all__ = ["dump_yaml", "read_value", "read_yaml"]


_SafeLoader: type[yaml.SafeLoader] = getattr(yaml, "CSafeLoader", yaml.SafeLoader)
"""libyaml's where PyYAML was built with it: ten times faster, which a folder of thousands of runs feels."""


class _StrictLoader(_SafeLoader):  # type: ignore[valid-type, misc]
    """Safe YAML that refuses a key given twice and reads 1e-3 as the number it is (YAML 1.1 says text)."""

    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:
        seen: set[Any] = set()
        for key_node, _ in node.value:
            key = key_node.value
            if not isinstance(key, str):
                raise SpecError(f"line {key_node.start_mark.line + 1}: a key is a word, not a list or a mapping")
            if key in seen:
                raise SpecError(f"line {key_node.start_mark.line + 1}: the key {key!r} is given twice")
            seen.add(key)
        made: dict[Any, Any] = super().construct_mapping(node, deep=deep)
        return made


_StrictLoader.yaml_implicit_resolvers = {
    first: [(tag, pattern) for tag, pattern in resolvers]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
_StrictLoader.add_implicit_resolver(
    "tag:yaml.org,2002:float",
    re.compile(r"^[-+]?[0-9][0-9_]*(\.[0-9_]*)?[eE][-+]?[0-9]+$"),
    list("-+0123456789"),
)


_LINE = re.compile(r"( {2})?([a-z_][a-z0-9_]*):(?: (-?[A-Za-z0-9][A-Za-z0-9_.,+-]*))?")


@lru_cache(maxsize=65_536)
def _word(word: str) -> Any:
    return yaml.load(word, Loader=_StrictLoader)


def _plain(text: str) -> dict[str, Any] | None:
    """What YAML means by lines such as `dump_yaml` writes, read word by word, seven times faster; None of any other."""
    mapping: dict[str, Any] = {}
    section = mapping
    for line in text.splitlines():
        found = _LINE.fullmatch(line)
        if found is None:
            return None
        indented, key, word = found.groups()
        section = section if indented else mapping
        if key in section or (indented and section is mapping) or (indented and word is None) or _word(key) != key:
            return None
        if word is None:
            mapping[key] = section = {}
        else:
            section[key] = _word(word)
    return mapping if all(value != {} for value in mapping.values()) and mapping else None


def read_yaml(path: Path) -> dict[str, Any]:
    """The mapping in a YAML file, read strictly.

    Raises:
        SpecError: no such file, not UTF-8, not YAML, a key twice, or no mapping.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise SpecError(f"no file {str(path)!r}") from None
    except (OSError, UnicodeDecodeError) as error:
        raise SpecError(f"{str(path)!r} cannot be read: {error}") from None
    plain = _plain(text)
    if plain is not None:
        return plain
    try:
        mapping = yaml.load(text, Loader=_StrictLoader)
    except SpecError as error:
        raise SpecError(f"{path}: {error}") from None
    except (yaml.YAMLError, ValueError, RecursionError) as error:
        first = str(getattr(error, "problem", None) or error).splitlines()[0]
        mark = getattr(error, "problem_mark", None)
        place = f", line {mark.line + 1}" if mark is not None else ""
        raise SpecError(f"{path}{place}: not YAML: {first}") from None
    if mapping is None:
        return {}
    if not isinstance(mapping, dict):
        raise SpecError(f"{path}: a spec is a mapping with the sections task, model and training")
    return mapping


def read_value(word: str) -> Any:
    """One value as a YAML file would have it: 3, 1e-3, true, null; a range such as 5:50:5 is a word.

    Raises:
        SpecError: the word is no value.
    """
    if ":" in word:  # YAML 1.1 would read 5:50 as a number to the base of 60
        return word
    try:
        return yaml.load(word, Loader=_StrictLoader)
    except (SpecError, yaml.YAMLError, ValueError, RecursionError):
        raise SpecError(f"{word!r} is no value") from None


def dump_yaml(spec: RunSpec) -> str:
    """The whole spec as YAML, every key written out; `parse` of it gives the spec again."""
    return yaml.safe_dump(spec.to_mapping(), sort_keys=False, allow_unicode=True)
