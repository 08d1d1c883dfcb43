"""Processes of a training that are killed at random moments, by kill -9.

    python tests/deaths.py [--kills 20] [--ranks 2] [--seed 0]

After each the job must have ended within 30 seconds and said which process it was, the checkpoint, if there was one yet,
must load, and a job of any number of ranks must go on from it to the bits of a training that nothing disturbed. Ends
with code 1 if one did not.
"""

import argparse
import os
import random
import signal
import subprocess
import sys
import tempfile
import time

import mpi_jobs

import fastcnn

EPOCHS, MOST = 8, 30.0  # seconds


def undisturbed(folder):
    """(digest of the weights, seconds after all ranks had begun) of a training in one process."""
    job = start(1, folder)
    job.stdout.readline()
    begun = time.monotonic()
    out, err = job.communicate(timeout=mpi_jobs.PATIENCE)
    assert job.returncode == 0, err
    return out.splitlines()[-1], time.monotonic() - begun


def start(size, folder):
    return subprocess.Popen(mpi_jobs.command(size, mpi_jobs.PROGRAM, "dies", folder, EPOCHS), stdout=subprocess.PIPE,
                            stderr=subprocess.PIPE, text=True, env=mpi_jobs.environment())


def death(rng, size, folder, digest, seconds):
    """Kills one of `size` ranks within so many seconds: what happened, or None if they were done before."""
    job = start(size, folder)
    names = job.stdout.readline().strip().split("; ")
    time.sleep(rng.random() * seconds)
    rank = rng.randrange(size)
    victim = int(names[rank].rsplit(" ", 1)[1])
    if job.poll() is not None:
        job.communicate()
        return None
    os.kill(victim, signal.SIGKILL)
    begun = time.monotonic()
    out, err = job.communicate(timeout=mpi_jobs.PATIENCE)
    took, checkpoint = time.monotonic() - begun, os.path.join(folder, "checkpoint.safetensors")
    if job.returncode == 0:  # it had nothing left to do
        return None
    assert took < MOST, f"the job went on for {took:.0f} s after rank {rank} was killed"
    assert str(victim) in out + err, f"nobody said that {names[rank]} was killed:\n{out}{err}"
    resumed = os.path.exists(checkpoint)
    if resumed:
        fastcnn.load_model(checkpoint)
    others = rng.choice((1, size, size + 1))
    code, after, err = mpi_jobs.run(others, mpi_jobs.PROGRAM, "dies", folder, EPOCHS, *["resume"] * resumed)
    assert code == 0, err
    assert after.splitlines()[-1] == digest, "other bits than those of an undisturbed training"
    return f"rank {rank} killed after {out.count('step')} steps, ended in {took:.1f} s, " \
           f"{'resumed' if resumed else 'begun again, there was no checkpoint yet,'} by {others} ranks: the same bits"


def main():
    parser = argparse.ArgumentParser(description="Ranks killed at random moments")
    parser.add_argument("--kills", type=int, default=20)
    parser.add_argument("--ranks", type=int, default=2)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()
    rng, done, bad = random.Random(options.seed), 0, 0
    with tempfile.TemporaryDirectory() as folder:
        digest, seconds = undisturbed(folder)
    while done < options.kills:
        with tempfile.TemporaryDirectory() as folder:
            try:
                found = death(rng, options.ranks, folder, digest, seconds)
            except AssertionError as error:
                bad, found = bad + 1, f"FAILED: {error}"
        if found:
            done += 1
            print(f"{done}: {found}", flush=True)
    print(f"{done} kills, {bad} failed")
    return int(bad > 0)


if __name__ == "__main__":
    sys.exit(main())
