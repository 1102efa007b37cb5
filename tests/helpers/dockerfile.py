"""A Dockerfile as data: its stages and their instructions."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True)
class Instruction:
    """`KEYWORD --flag=value VALUE`, on one line."""

    keyword: str
    value: str
    flags: Mapping[str, str]


@dataclass(frozen=True)
class Stage:
    """What stands between two FROM."""

    name: str
    base: str
    instructions: list[Instruction] = field(default_factory=list)


def read_stages(text: str) -> list[Stage]:
    """The stages of a Dockerfile, in order; a stage without a name has its number for one."""
    stages: list[Stage] = []
    for instruction in _instructions(text):
        if instruction.keyword == "FROM":
            base, _, name = instruction.value.partition(" AS ")
            stages.append(Stage(name or str(len(stages)), base))
        elif stages:
            stages[-1].instructions.append(instruction)
    return stages


def _instructions(text: str) -> list[Instruction]:
    without_comments = re.sub(r"^\s*#.*\n", "", text, flags=re.MULTILINE)
    joined = re.sub(r"\\\n\s*", "", without_comments)
    return [_instruction(line) for line in joined.splitlines() if line.strip()]


def _instruction(line: str) -> Instruction:
    keyword, _, rest = line.partition(" ")
    flags = {}
    while keyword != "HEALTHCHECK" and (flag := re.match(r"--(\w+)=(\S+)\s+", rest)):
        flags[flag[1]] = flag[2]
        rest = rest[flag.end() :]
    return Instruction(keyword.upper(), rest.strip(), flags)
