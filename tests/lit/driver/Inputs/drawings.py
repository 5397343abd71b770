"""Each drawing of docs/schedules.md is what its command prints today."""
import pathlib
import re
import shlex
import subprocess
import sys

root = pathlib.Path(sys.argv[1]).parent.parent
page = pathlib.Path(sys.argv[1]).read_text()
blocks = re.findall(r"```\n\$ (shardc .*)\n([^`]*)```", page)
for command, drawing in blocks:
    said = subprocess.run(shlex.split(command), capture_output=True, text=True, check=True, cwd=root).stdout
    if said != drawing:
        sys.exit(f"{command} prints\n{said}docs/schedules.md has\n{drawing}")
print(f"{len(blocks)} drawings are current")
