"""How much a page that watches costs: the speed of training in the lab beside that of `fit`, in turn; frames per second;
what each frame costs whoever watches; and memory with a reader that has stopped reading.

    python benchmarks/lab.py                    # a reader that takes each frame, as a page does
    python benchmarks/lab.py --browser          # Chromium in the reader's place (pip install selenium)
    python benchmarks/lab.py --memory 600       # seconds; prints how much memory is in use, every tenth of them
"""

import argparse
import contextlib
import json
import multiprocessing
import os
import shutil
import socket
import statistics
import sys
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "tests"))

from lab_client import Client  # noqa: E402

from fastcnn.lab import Lab  # noqa: E402


class Reader:
    """Takes frame after frame, with the pictures of some layers, in a process of its own as a browser does, until it is
    stopped."""

    def __init__(self, url, layers):
        self.process = multiprocessing.get_context("spawn").Process(target=read, args=(url, layers), daemon=True)
        self.process.start()

    def stop(self):
        self.process.kill()
        self.process.join()


def read(url, layers):
    client, version = Client(url), -1
    while True:
        version = client.frame(version, layers)[0]["version"]


def chromium(url):
    """A page that watches, and what closes it."""
    from selenium import webdriver

    options = webdriver.ChromeOptions()
    options.binary_location = shutil.which("chromium") or shutil.which("google-chrome")
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--window-size=1280,1000"):
        options.add_argument(word)
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(shutil.which("chromedriver")))
    driver.get(url)
    time.sleep(2)
    return driver


def processor_time(pid):
    """Seconds that a process and all that descend from it have had a processor (Linux)."""
    found = {}
    for name in filter(str.isdigit, os.listdir("/proc")):
        with contextlib.suppress(OSError), open(f"/proc/{name}/stat") as file:
            fields = file.read().rpartition(")")[2].split()
            found[int(name)] = int(fields[1]), int(fields[11]) + int(fields[12])
    family, more = set(), {pid}
    while more:
        family |= more
        more = {child for child, (parent, _) in found.items() if parent in family} - family
    return sum(found[each][1] for each in family if each in found) / os.sysconf("SC_CLK_TCK")


def in_the_lab(lab, client, seconds, watcher):
    """(images per second, frames per second, milliseconds of a processor that each frame took the watcher, a process) of the
    lab's own training."""
    trainer = lab.trainer
    client.post("do", action="start")
    time.sleep(1.5)
    first, version, busy, start = trainer.done + trainer.seen, trainer.version, processor_time(watcher), time.perf_counter()
    time.sleep(seconds)
    images, frames, end = trainer.done + trainer.seen - first, trainer.version - version, time.perf_counter()
    busy = processor_time(watcher) - busy
    client.post("do", action="pause")
    return images / (end - start), frames / (end - start), 1000 * busy / max(frames, 1)


def by_fit(lab, seconds):
    """Images per second of `fit` on the same data, with the same batches: whole epochs."""
    model, images, size = lab.trainer.call(lab.bench._again, shows=False), lab.trainer.images, lab.trainer.batch_size
    model.fit(images.inputs, images.y, size, 1, 0, steps_per_epoch=20)
    count, start = 0, time.perf_counter()
    while time.perf_counter() < start + seconds:
        model.fit(images.inputs, images.y, size, count + 2, 0, initial_epoch=count + 1)
        count += 1
    return count * len(images.x) / (time.perf_counter() - start)


def speed(lab, client, options):
    """Prints medians of turns."""
    layers, rows = [fact["name"] for fact in client.get("network")["layers"]], []
    driver = chromium(lab.url) if options.browser else None
    for _ in range(options.turns):
        plain = by_fit(lab, options.seconds)
        reader = None if driver else Reader(lab.url, layers)
        watcher = driver.service.process.pid if driver else reader.process.pid
        watched, frames, cost = in_the_lab(lab, client, options.seconds, watcher)
        if reader:
            reader.stop()
        rows.append((plain, watched, watched / plain, frames, cost))
        print(said(rows[-1]), flush=True)
    if driver:
        driver.quit()
    print(f"median of {len(rows)}: {said(map(statistics.median, zip(*rows)))}")


def said(row):
    plain, watched, part, frames, cost = row
    return (f"fit {plain:,.0f}, watched {watched:,.0f} images/s: {part:.1%}, {frames:.1f} frames/s, {cost:.1f} ms of the "
            "watcher's processor time each")


def memory(lab, client, seconds):
    """Prints the memory in use while readers ask for frames and take none."""
    names = json.dumps([fact["name"] for fact in client.get("network")["layers"]]).replace(" ", "").replace('"', "%22")
    client.post("settings", epochs=10**6)
    client.post("do", action="start")
    for i in range(11):
        stuck = socket.create_connection(client.address.split(":"))
        stuck.sendall((f"GET /api/frame?after=-1&layers={names} HTTP/1.1\r\nHost: {client.address}\r\n"
                       f"X-Lab-Token: {client.token}\r\n\r\n").encode() * 1000)
        with open("/proc/self/statm") as file:
            resident = int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")
        print(f"{i * seconds / 10:5.0f} s: {resident / 1e6:.0f} MB, {client.frame()[0]['step']:,} steps", flush=True)
        reader = Reader(lab.url, ["c1", "c3"])
        time.sleep(seconds / 10 if i < 10 else 0)
        reader.stop()


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--network", default="lenet5", help="one of the lab's (%(default)s)")
    parser.add_argument("--seconds", type=float, default=5, help="of each turn (%(default)s)")
    parser.add_argument("--turns", type=int, default=5, help="of fit, then the lab (%(default)s)")
    parser.add_argument("--browser", action="store_true", help="let Chromium watch")
    parser.add_argument("--memory", type=float, metavar="SECONDS", help="measure memory in the place of speed")
    options = parser.parse_args()
    with Lab(options.network, "mnist") as lab:
        client = Client(lab.start())
        client.wait(lambda text: True)
        client.post("settings", epochs=10**6)
        if options.memory:
            memory(lab, client, options.memory)
        else:
            speed(lab, client, options)


if __name__ == "__main__":
    main()
