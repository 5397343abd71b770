"""Each drawing of docs/schedules.md is what its command prints today."""
import pathlib
import re
import subprocess
import sys

page = pathlib.Path(sys.argv[1]).read_text()
blocks = re.findall(r"```\n\$ (shardc schedule .*)\n([^`]*)```", page)
for command, drawing in blocks:
    said = subprocess.run(command.split(), capture_output=True, text=True, check=True).stdout
    if said != drawing:
        sys.exit(f"{command} prints\n{said}docs/schedules.md has\n{drawing}")
print(f"{len(blocks)} drawings are current")
