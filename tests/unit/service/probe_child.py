"""The real child process, with tasks that go wrong on purpose."""

from __future__ import annotations

import socket

from lipsmith.service.processes import child_main
from lipsmith.service.processes.messages import Task, TaskResult


def hog(task: Task, report: child_main.Report) -> TaskResult:
    """Ask for more memory than there is."""
    return TaskResult(files=(), frames=len(bytearray(20 << 30)))


def call_home(task: Task, report: child_main.Report) -> TaskResult:
    """Try to reach the network."""
    with socket.create_connection(("127.0.0.1", int(str(task.options["port"]))), timeout=2):
        return TaskResult(files=())


if __name__ == "__main__":
    child_main.TASKS = {"hog": hog, "call home": call_home}
    child_main.main()
