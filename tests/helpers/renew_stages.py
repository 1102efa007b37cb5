"""Write down the sources of every stage (`tasks.core.stages`): python -m tests.helpers.renew_stages
[STAGE ...]

The stages that are named get a new version too: do it when results change, so that old ones are not
taken for new.
"""

import re
import sys

from tasks.core.stages import STAGES, sources_of
from tests.helpers.pyflyte import REPO_ROOT

FILE = REPO_ROOT / "tasks" / "core" / "stages.py"


def main(raised: list[str]) -> None:
    """Rewrite the file; raising a version comes first, because the digest holds it."""
    unknown = set(raised) - set(STAGES)
    if unknown:
        sys.exit(f"no stage {', '.join(sorted(unknown))}; there are {', '.join(STAGES)}")
    text = FILE.read_text(encoding="utf-8")
    for name, known in STAGES.items():
        version = known.version + (name in raised)
        new = sources_of(name, version)
        if new != known.sources:
            sys.stdout.write(f"{name}: version {version}, sources {new}\n")
        entry = re.compile(rf'("{name}": StageCode\(\s*version=)\d+(.*?sources=")[^"]*', re.S)
        text, count = entry.subn(rf"\g<1>{version}\g<2>{new}", text)
        assert count == 1, name
    FILE.write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main(sys.argv[1:])
