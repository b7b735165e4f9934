"""Which code a run was made with: the commit and the uncommitted changes of the current folder's repository."""

import shutil
import subprocess
import tempfile
from pathlib import Path
from typing import IO, Any

from descentlab.runs.files import write_whole

_QUESTIONS = {
    "source.txt": ["log", "-1", "--format=%H %cI %s"],
    "source.diff": ["diff", "HEAD"],
}
"""What git is asked for each file of the run folder."""

_PATIENCE = 5.0
"""Seconds after the end of a run that an answer may take."""


class Source:
    """Asks git when it is made, in processes that run beside the training, and writes the answers when it ends."""

    def __init__(self) -> None:
        self._asked: dict[str, tuple[subprocess.Popen[bytes], IO[bytes]]] = {}
        git = shutil.which("git")
        if git is None or not any((folder / ".git").exists() for folder in (Path.cwd(), *Path.cwd().parents)):
            return
        for name, question in _QUESTIONS.items():
            answer = tempfile.TemporaryFile()  # noqa: SIM115  write closes it
            command = [git, "--no-pager", *question]
            process = subprocess.Popen(
                command, stdin=subprocess.DEVNULL, stdout=answer, stderr=subprocess.DEVNULL, start_new_session=True
            )
            self._asked[name] = process, answer

    def __getstate__(self) -> dict[str, Any]:
        """What another process is sent, joblib's among them: there nothing has been asked."""
        return {"_asked": {}}

    def write(self, folder: Path) -> None:
        """Write `source.txt` (commit, its date and subject) and `source.diff` (empty where nothing is changed);
        neither outside of a repository."""
        for name, (process, answer) in self._asked.items():
            try:
                if process.wait(_PATIENCE) == 0:
                    answer.seek(0)
                    write_whole(folder / name, answer.read().decode(errors="replace"))
            except subprocess.TimeoutExpired:
                process.kill()
            answer.close()
        self._asked = {}
