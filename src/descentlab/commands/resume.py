"""`train.py run=<run folder>`: a run that was stopped goes on."""

from collections.abc import Sequence
from pathlib import Path

from descentlab.commands.background import draw_in_background
from descentlab.commands.ended import print_ended
from descentlab.commands.entry import exit_code, without_trace
from descentlab.commands.run_folder import run_folder
from descentlab.errors import InputError
from descentlab.processes import is_first_process, num_processes
from descentlab.runs.agreement import failing_together
from descentlab.runs.elastic import processes_wanted, start_processes
from descentlab.runs.files import file_of
from descentlab.settings.compose import read_settings
from descentlab.settings.extend import extended
from descentlab.settings.trust import trust_typed


def resume_run(arguments: Sequence[str]) -> int:
    """Go on with the run that the arguments name, print what comes of it, and return the exit code.

    Args:
        arguments: as typed; `run=<run folder>` is among them.
    """
    folders = [word.removeprefix("run=") for word in arguments if word.startswith("run=")]
    overrides = trust_typed([word for word in without_trace(arguments) if not word.startswith("run=")])
    for word in overrides:
        if word.startswith("-"):
            raise InputError(f"{word}: expected settings beside run=, got a flag; a sweep goes on with -m … resume=….")
    if len(folders) != 1 or not folders[0]:
        raise InputError(f"run: expected one run folder, got {', '.join(folders) or 'none'}.")
    folder = Path(folders[0])
    if (folder / "jobs.json").is_file():
        raise InputError(f"run: {folder} is a sweep's; type its command again with -m and resume={folder}.")
    if num_processes() == 1:
        folder = run_folder(folders[0])
    settings = extended(read_settings(file_of(folder, "config.yaml")), overrides)
    wanted, started = processes_wanted(settings["trainer"]), num_processes()
    if started == 1 and wanted > 1:
        return start_processes(settings["trainer"])
    if started != wanted:
        raise InputError(
            f"run: expected as many processes as {folder} began with, {wanted}, got {started}; "
            f"{'start as many with torchrun' if wanted > 1 else 'leave out torchrun'}."
        )
    from descentlab.runs.resume import resume  # torch is imported now, not to say no

    with failing_together():
        result, had_ended = resume(settings, folder)
    if is_first_process():
        if had_ended:
            print(f"{folder} has ended before; nothing was done")
        print_ended(result, settings)
        if settings["figures"] and not had_ended:
            draw_in_background(folder)
    return exit_code(result.status, result.interrupted_by)
