"""The lab's page in a headless Chromium: what a person does there, and sees.

Needs selenium, Chromium and its driver: `pip install selenium`, `apt-get install chromium chromium-driver`.
"""

import base64
import os
import shutil
import time
from pathlib import Path

import pytest

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver  # noqa: E402
from selenium.common.exceptions import StaleElementReferenceException  # noqa: E402
from selenium.webdriver.common.actions.pointer_input import PointerInput  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver") or shutil.which("chromium-driver")
needs_browser = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no Chromium, or no driver for it")

PICTURES = os.environ.get("FASTCNN_LAB_PICTURES")  # a folder: the pictures of docs/lab.md are written there
VIEWS = os.environ.get("FASTCNN_LAB_VIEWS")        # a folder: so is every other view, to be looked at
SEVEN = (0.24, 0.2), (0.5, 0.2), (0.76, 0.2), (0.66, 0.4), (0.56, 0.62), (0.48, 0.84)
PATIENCE = float(os.environ.get("FASTCNN_LAB_PATIENCE", 120))  # seconds


def chromium():
    """A browser with a camera of its own, which writes down what goes wrong and what it asks for."""
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000",
                 "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(PATIENCE)
    return driver


PALE = r"""  // texts that can hardly be told from what is behind them, by WCAG's measure
    const rgb = (text) => {
        const v = text.match(/-?[\d.]+(e-?\d+)?/g).map(Number), k = text.startsWith("color(") ? 255 : 1;
        return [v[0] * k, v[1] * k, v[2] * k, v[3] ?? 1];
    };
    const behind = (e) => {
        const c = rgb(getComputedStyle(e).backgroundColor);
        const d = c[3] < 1 && e.parentElement ? behind(e.parentElement) : [255, 255, 255];
        return [0, 1, 2].map((i) => c[i] * c[3] + d[i] * (1 - c[3]));
    };
    const linear = (v) => (v <= 10.31 ? v / 255 / 12.92 : ((v / 255 + 0.055) / 1.055) ** 2.4);
    const light = ([r, g, b]) => 0.2126 * linear(r) + 0.7152 * linear(g) + 0.0722 * linear(b);
    const contrast = (e) => {
        const [a, b] = [light(rgb(getComputedStyle(e).color)), light(behind(e))].sort((x, y) => y - x);
        return (a + 0.05) / (b + 0.05);
    };
    const written = (e) => [...e.childNodes].some((n) => n.nodeType === 3 && n.data.trim());
    return [...document.querySelectorAll("body *")].filter((e) => written(e) && e.checkVisibility()
        && !e.closest(":disabled, option, .unseen") && contrast(e) < 4.5)
        .map((e) => `${e.outerHTML.slice(0, 90)}: ${contrast(e).toFixed(2)}`)"""


class Page:
    """The page of a lab in a browser.

    Args:
        browser: what `chromium` returned.
        lab: a `Lab` that has been started.
    """

    def __init__(self, browser, lab):
        self.browser, self.lab = browser, lab
        browser.get("about:blank")  # a fragment alone is no new page
        browser.get(lab.url)
        self.size(1280)
        self.until(lambda: self.text("title") not in ("", "…"), "the page begins")

    def find(self, selector):
        """An element by its id, or a selector."""
        css = selector if selector[0] in "#.[" or " " in selector else f"#{selector}"
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, selector):
        """What is written in an element."""
        return self.browser.execute_script("return document.querySelector(arguments[0])?.textContent ?? ''",
                                           selector if selector[0] in "#.[" or " " in selector else f"#{selector}")

    def until(self, reached, what, seconds=PATIENCE):
        """Waits for something to be true, and returns it."""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = reached()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {seconds} s; the page says {self.text('message')!r}")

    def click(self, selector):
        """Clicks an element; another time, if the page has made it anew meanwhile."""
        for left in (2, 1, 0):
            try:
                element = self.find(selector) if isinstance(selector, str) else selector
                self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
                return element.click()
            except StaleElementReferenceException:
                if not left:
                    raise

    def tab(self, name):
        """Chooses a view."""
        self.browser.execute_script("scrollTo(0, 0)")
        self.click(f"tab-{name}")

    def pause(self):
        """Lets training pause."""
        if self.lab.trainer.doing == "running":
            self.click("start")
        self.until(lambda: self.text("start") == "Start", "pausing")

    def draw(self, points, kind="mouse"):
        """Draws a line through points of the pad, 0 to 1, with a "mouse", "touch" or "pen"."""
        pad = self.find("pad")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
        side = pad.size["width"]
        actions = webdriver.ActionChains(self.browser, duration=40, devices=[PointerInput(kind, kind)])
        places = [((x - 0.5) * side, (y - 0.5) * side) for x, y in points]
        actions.move_to_element_with_offset(pad, *places[0]).click_and_hold()
        for place in places[1:]:
            actions.move_to_element_with_offset(pad, *place)
        actions.release().perform()

    def replace(self, selector, text):
        """Writes a text over what a field holds."""
        self.browser.execute_script("""const [element, text] = arguments;
            element.value = text;
            for (const name of ["input", "change"]) element.dispatchEvent(new Event(name))""", self.find(selector), text)

    def size(self, width, height=1000):
        """Makes the window so large; narrow ones are phones."""
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def picture(self, name, width=1280, height=1000):
        """A screenshot; nothing on it may be wider than the page. Names that begin with "lab" are of the documents."""
        self.size(width, height)
        time.sleep(0.8)
        wide = self.browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{name}: {wide} pixels wide"
        folder = PICTURES if name.startswith("lab") else VIEWS
        if folder:
            found = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 82})["data"]
            Path(folder, f"{name}.webp").write_bytes(base64.b64decode(found))

    def pixels(self, selector):
        """What is on a canvas."""
        return self.browser.execute_script("""const c = document.querySelector(arguments[0]);
            return Array.from(c.getContext("2d").getImageData(0, 0, c.width, c.height).data)""", selector)

    def pale(self):
        """Texts whose contrast with what is behind them is less than 4.5."""
        return self.browser.execute_script(PALE)

    def errors(self):
        """What has gone wrong in the page since this was asked last."""
        return [entry["message"] for entry in self.browser.get_log("browser") if entry["level"] == "SEVERE"]
