"""No paths of a developer's machine, no names of package registries' hosts, and no merge left half done in the tree."""

import re
import subprocess
import sys
from pathlib import Path

PATTERNS = (r"/work/(main|shared)", r"pypi\.org", r"pythonhosted", r"registry\.npmjs", r"deb\.debian\.org", r"/root/\.")
root = Path(__file__).resolve().parent.parent
files = subprocess.run(["git", "ls-files"], cwd=root, capture_output=True, text=True, check=True).stdout.split("\n")
faults = []
for name in files:
    path = root / name
    if not path.is_file() or name == "scripts/check_words.py" or path.stat().st_size > 4 << 20:
        continue
    text = path.read_text("utf-8", errors="replace")
    faults += [f"{name}: {match[0]}" for pattern in PATTERNS for match in re.finditer(pattern, text)]
    faults += [f"{name}: {match[0]}" for match in re.finditer(r"^(<{7}|>{7}) \S+", text, re.M)]
    if name.startswith("docs/") and name.endswith(".md"):
        links = re.findall(r"\]\(([^)#]+)(?:#[^)]*)?\)", text)
        faults += [f"{name}: dead link {link}" for link in links if "://" not in link and not (path.parent / link).exists()]
if faults:
    sys.exit("\n".join(faults[:50]))
