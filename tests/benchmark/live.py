"""Live processes that the drivers here measure in turns: a line with a number goes in, the seconds it took come out."""

import os
import pathlib
import subprocess
import sys

TICKS = os.sysconf("SC_CLK_TCK")


def cpu_seconds(pids):
    """User and system time of processes so far."""
    total = 0
    for pid in pids:
        fields = pathlib.Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
        total += int(fields[11]) + int(fields[12])
    return total / TICKS


class Runner:
    """A process that answers each number with a line of numbers, the seconds first."""

    def __init__(self, command, **options):
        self.process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, **options)

    @property
    def pid(self):
        return self.process.pid

    def start(self, number):
        print(number, file=self.process.stdin, flush=True)

    def read(self):
        line = self.process.stdout.readline().split()
        if not line:
            sys.exit(f"{self.process.args[0]} ended, with code {self.process.wait()}")
        return line

    def run(self, number):
        self.start(number)
        return [float(field) for field in self.read()]


class Cluster:
    """A real coordinator and servers, with the workers that are added to them."""

    def __init__(self, programs, folder, servers, server_flags=()):
        self.programs = pathlib.Path(programs).resolve()
        self.folder = pathlib.Path(folder)
        self.processes = []
        self.workers = []
        (self.folder / "data").mkdir(parents=True)
        (self.folder / "data" / "text").write_text("".join(f"line {i * i} of the text\n" for i in range(20000)))
        self.token = self.folder / "token"
        self.coordinator = self._daemon("coordinator", ["--listen=127.0.0.1:0"])
        for i in range(servers):
            self._daemon(f"server-{i}", [f"--name=server-{i}", f"--coordinator={self.coordinator}", *server_flags])

    def _log(self, name):
        return open(self.folder / f"{name}.log", "w")

    def _daemon(self, name, flags):
        state = self.folder / name
        state.mkdir()
        command = [self.programs / f"banyan-{name.split('-')[0]}", f"--state-dir={state}", f"--token-file={self.token}",
                   *flags]
        process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=self._log(name),
                                   text=True)
        self.processes.append(process)
        return process.stdout.readline().split()[2]

    def banyan(self, *arguments):
        command = [self.programs / "banyan", *arguments, f"--coordinator={self.coordinator}",
                   f"--token-file={self.token}"]
        return subprocess.run(command, check=True, stdout=subprocess.PIPE, text=True).stdout

    def submit(self, job):
        (self.folder / "job.yaml").write_text(job)
        return self.banyan("submit", str(self.folder / "job.yaml"), "--detach").strip()

    def add_worker(self, binary, flags):
        name = f"worker-{len(self.workers)}"
        worker = Runner([binary, f"--name={name}", f"--coordinator={self.coordinator}", f"--token_file={self.token}",
                         f"--root=data={self.folder / 'data'}", f"--index={self.folder / name}", *flags],
                        stderr=self._log(name))
        self.workers.append(worker)
        return worker

    def pids(self):
        return [process.pid for process in self.processes] + [worker.pid for worker in self.workers]

    def run(self, steps):
        """Seconds that all workers took for the steps, the slowest's, and allocations on their compute threads."""
        for worker in self.workers:
            worker.start(steps)
        answers = [[float(field) for field in worker.read()] for worker in self.workers]
        return max(seconds for seconds, _ in answers), sum(count for _, count in answers)

    def close(self):
        for worker in self.workers:
            worker.process.kill()
        for process in self.processes:
            process.kill()
