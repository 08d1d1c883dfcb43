"""The lab in a browser: a headless Chromium trains, draws, edits, saves, as a person would.

Needs selenium, Chromium and its driver: `pip install selenium`, `apt-get install chromium chromium-driver`. With
FASTCNN_LAB_PICTURES=DIR the pictures of docs/lab.md are written there.
"""

import base64
import os
import shutil
import time
from pathlib import Path

import numpy as np
import pytest

import fastcnn
from fastcnn.lab import Lab

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium import webdriver  # noqa: E402
from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

CHROMIUM = next(filter(None, map(shutil.which, ("chromium", "chromium-browser", "google-chrome"))), None)
DRIVER = shutil.which("chromedriver") or shutil.which("chromium-driver")
pytestmark = pytest.mark.skipif(not CHROMIUM or not DRIVER, reason="no Chromium, or no driver for it")

PICTURES = os.environ.get("FASTCNN_LAB_PICTURES")
SEVEN = (0.24, 0.2), (0.5, 0.2), (0.76, 0.2), (0.66, 0.4), (0.56, 0.62), (0.48, 0.84)


@pytest.fixture(scope="module")
def browser():
    options = webdriver.ChromeOptions()
    options.binary_location = CHROMIUM
    for word in ("--headless=new", "--no-sandbox", "--disable-dev-shm-usage", "--hide-scrollbars", "--window-size=1280,1000",
                 "--use-fake-device-for-media-stream", "--use-fake-ui-for-media-stream", "--disable-gpu"):
        options.add_argument(word)
    options.set_capability("goog:loggingPrefs", {"browser": "ALL", "performance": "ALL"})
    driver = webdriver.Chrome(options=options, service=webdriver.ChromeService(DRIVER))
    driver.set_script_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def lab(tmp_path_factory):
    threads = fastcnn.get_num_threads()
    lab = Lab("lenet5", "mnist", str(tmp_path_factory.mktemp("lab") / "models"))
    lab.start()
    yield lab
    lab.close()
    fastcnn.set_num_threads(threads)


class Page:
    """The page in a browser: what a person does and sees."""

    def __init__(self, browser, lab):
        self.browser, self.lab = browser, lab
        browser.get("about:blank")  # a fragment alone is no new page
        browser.get(lab.url)
        self.until(lambda: self.text("title") not in ("", "…"), "the page begins")

    def find(self, selector):
        css = selector if selector[0] in "#.[" or " " in selector else f"#{selector}"
        return self.browser.find_element(By.CSS_SELECTOR, css)

    def text(self, selector):
        return self.browser.execute_script("return arguments[0].textContent", self.find(selector))

    def until(self, reached, what, seconds=120):
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            found = reached()
            if found:
                return found
            time.sleep(0.1)
        raise AssertionError(f"{what}: not within {seconds} s; the page says {self.text('message')!r}")

    def click(self, selector):
        element = self.find(selector) if isinstance(selector, str) else selector
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", element)
        element.click()

    def tab(self, name):
        self.browser.execute_script("scrollTo(0, 0)")
        self.click(f"tab-{name}")

    def pause(self):
        if self.lab.trainer.doing == "running":
            self.click("start")
        self.until(lambda: self.text("start") == "Start", "pausing")

    def draw(self, points):
        pad = self.find("pad")
        self.browser.execute_script("arguments[0].scrollIntoView({block: 'center'})", pad)
        side = pad.size["width"]
        actions = webdriver.ActionChains(self.browser, duration=40)
        places = [((x - 0.5) * side, (y - 0.5) * side) for x, y in points]
        actions.move_to_element_with_offset(pad, *places[0]).click_and_hold()
        for place in places[1:]:
            actions.move_to_element_with_offset(pad, *place)
        actions.release().perform()

    def replace(self, selector, text):
        element = self.find(selector)
        self.browser.execute_script("""const [element, text] = arguments;
            element.value = text;
            for (const name of ["input", "change"]) element.dispatchEvent(new Event(name))""", element, text)

    def size(self, width, height=1000):
        self.browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", {
            "width": width, "height": height, "deviceScaleFactor": 1, "mobile": width < 600})

    def picture(self, name, width=1280, height=1000):
        """A screenshot, kept if the documents want it; nothing on it may be wider than the page."""
        self.size(width, height)
        time.sleep(0.8)
        wide = self.browser.execute_script("return document.documentElement.scrollWidth")
        assert wide <= width, f"{name}: {wide} pixels wide"
        if PICTURES:
            found = self.browser.execute_cdp_cmd("Page.captureScreenshot", {"format": "webp", "quality": 82})["data"]
            Path(PICTURES, f"{name}.webp").write_bytes(base64.b64decode(found))


@pytest.fixture
def page(browser, lab):
    page = Page(browser, lab)
    page.size(1280)
    yield page
    wrong = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    assert [message for message in wrong if "/api/save" not in message] == []  # a name that is refused on purpose


def pixels(page, selector):
    """What is on a canvas."""
    return page.browser.execute_script("""const c = document.querySelector(arguments[0]);
        return Array.from(c.getContext("2d").getImageData(0, 0, c.width, c.height).data)""", selector)


MAPS = "[aria-label='Layer c1'] .maps canvas"


def test_it_learns(page, lab):
    before = pixels(page, MAPS)
    page.click("start")
    page.until(lambda: page.text("start") == "Pause", "starting")
    page.until(lambda: lab.trainer.answers.accuracy >= 0.97, "97 % right", 400)
    page.pause()
    step = lab.trainer.step
    assert pixels(page, MAPS) != before, "the maps change"
    page.until(lambda: float(page.text("right").split()[0]) >= 97, "the page says so")
    time.sleep(0.5)
    assert lab.trainer.step == step and page.text("epoch") == f"{lab.trainer.done + lab.trainer.seen:.0f}" or step > 0
    page.click("step")
    page.until(lambda: lab.trainer.step == step + 1, "one step")
    page.picture("lab")


def test_numbers_are_those_of_gradients(page, lab):
    page.pause()
    x = lab.trainer.images.prepare(lab.trainer.images.x_test[:1])
    page.browser.execute_script("scrollTo(0, 0)")
    Select(page.find("#specimen select")).select_by_value("training")
    Select(page.find("#specimen select")).select_by_value("test")
    page.until(lambda: "Test image 0:" in page.text(".truth"), "the image")
    y = lab.trainer.images.y_test[:1]
    _, gradients = lab.model.gradients(x, y, wrt=["c1"], training=False)
    output = fastcnn.Model(lab.model.input, lab.model.get_layer("c1").output).predict(x)
    for number, values in enumerate((output, gradients["c1"])):
        shown = page.browser.find_elements(By.CSS_SELECTOR, "[aria-label='Layer c1'] .range")[number].text
        assert [float(word) for word in shown.split(" … ")] == [float(f"{v:.4g}") for v in (values.min(), values.max())]


def test_the_arithmetic_of_a_number(page, lab):
    page.pause()
    page.click("[aria-label='Layer c3'] h3")
    page.until(lambda: page.find("[aria-label='Layer c3'] .maps canvas").size["width"] > 0, "the maps")
    page.click("[aria-label='Layer c3'] .maps canvas")
    page.until(lambda: "bias" in page.text("#lens .sum"), "the sum")
    page.find("#lens canvas").send_keys(Keys.ARROW_UP * 20, Keys.ARROW_LEFT * 20, Keys.ARROW_RIGHT, Keys.ARROW_DOWN)
    page.until(lambda: "row 1, column 1" in page.text("#lens .note"), "the number chosen")
    page.picture("lab-lens")
    number = int(page.text("lens-title").split("map ")[1].split()[0]) - 1
    x = lab.trainer.images.prepare(lab.trainer.images.x_test[:1])
    value = fastcnn.Model(lab.model.input, lab.model.get_layer("c3").output).predict(x)[0, 1, 1, number]
    assert float(page.text("#lens .sum b")) == float(f"{value:.4g}")
    page.find("#lens canvas").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.find("lens").is_displayed(), "closing")


def test_a_drawn_seven_is_a_seven(page, lab):
    page.draw(SEVEN)
    page.until(lambda: page.text("says").startswith("7"), "the seven is recognised")
    page.picture("lab-drawing")
    page.browser.execute_script("scrollTo(0, 0)")
    assert "Your drawing. The network says 7." in page.text(".truth")
    page.click("wipe")
    page.until(lambda: page.text("says") == "", "wiping")
    page.find("pad").send_keys(Keys.SPACE, Keys.ARROW_DOWN * 6, Keys.SPACE)
    page.until(lambda: page.text("says"), "drawing by keys")


def test_the_camera_and_pictures(page, lab, tmp_path):
    page.click("camera")
    page.until(lambda: page.text("camera") == "Stop camera" and page.text("says"), "the camera")
    page.click("camera")
    assert page.text("camera") == "Camera"
    image = pytest.importorskip("PIL.Image", reason="Pillow is not installed")
    paper = np.full((90, 60), 235, np.uint8)
    paper[20:70, 27:33] = 40
    image.fromarray(paper).save(tmp_path / "one.png")
    page.find("open").send_keys(str(tmp_path / "one.png"))
    page.until(lambda: page.text("says").startswith("1"), "a one on paper")


def test_numbers_reach_the_optimizer(page, lab):
    page.browser.execute_script("scrollTo(0, 0)")
    slider = page.find("set-learning_rate")
    slider.send_keys(Keys.ARROW_LEFT * 5)
    page.until(lambda: lab.model.optimizer.learning_rate < 0.045, "the slider")
    Select(page.find("set-optimizer")).select_by_visible_text("Adam")
    page.until(lambda: type(lab.model.optimizer).__name__ == "Adam", "the optimizer")
    page.until(lambda: page.find("set-learning_rate").get_attribute("aria-valuetext") == "0.001", "its rate is shown")


def test_a_reload_and_two_tabs(page, lab):
    page.tab("answers")
    page.until(lambda: page.text("#answers-panel .confusion"), "the table")
    page.picture("lab-answers")
    page.click("#answers-panel .confusion td.same button")
    page.until(lambda: "and called so" in page.text("#answers-panel h3"), "a cell")
    page.browser.refresh()
    page.until(lambda: page.text("#answers-panel .strip"), "the same view after a reload")
    assert page.find("tab-answers").get_attribute("aria-selected") == "true"
    first, step = page.browser.current_window_handle, lab.trainer.step
    page.browser.switch_to.new_window("tab")
    other = Page(page.browser, lab)
    other.click("step")
    other.until(lambda: lab.trainer.step == step + 1, "a step in the other tab")
    epoch = other.until(lambda: other.text("epoch"), "its epoch")
    page.browser.close()
    page.browser.switch_to.window(first)
    page.until(lambda: page.text("epoch") == epoch, "both see the same")


def test_the_network_is_edited(page, lab):
    page.tab("network")
    text = page.until(lambda: page.find("definition").get_attribute("value"), "the text")
    page.replace("definition", text.replace('"units": 84', '"unitz": 84'))
    page.until(lambda: "Line 9" in page.text("definition-says") and "units" in page.text("definition-says"), "the mistake")
    assert page.text("#network-panel .lines .wrong") == "9" and page.text(".block.bad strong") == "Dense"
    assert not page.find("#network-panel .editor ~ .row .primary").is_enabled()
    page.replace("definition", text.replace('"units": 84', '"units": 60'))
    page.until(lambda: "This works" in page.text("definition-says"), "the mistake is mended")
    page.picture("lab-network")
    page.click("#network-panel .editor ~ .row .primary")
    page.until(lambda: "c1, c3, c5" in page.text("message"), "layers keep what they had learnt")
    assert lab.model.get_layer("f6").units == 60
    page.click(page.browser.find_elements(By.CSS_SELECTOR, "[aria-label='Remove Dense']")[0])
    page.until(lambda: '"units": 120' not in page.find("definition").get_attribute("value"), "a block is removed")
    page.click("#network-panel .blocks > .row button")
    page.until(lambda: "Conv2D works on samples" in page.text("definition-says"), "a convolution does not fit there")
    Select(page.find("#network-panel select")).select_by_visible_text("ConvNetJS' net for MNIST")
    page.click("#network-panel .row button")
    page.until(lambda: page.text("title") == "ConvNetJS' net for MNIST", "a preset")
    page.tab("layers")
    page.until(lambda: "8x5x5x1+8 = 208" in page.text("layers"), "its layers")


def test_optimizers_are_compared(page, lab):
    page.tab("compare")
    page.click("#compare-panel .primary")
    page.until(lambda: lab.trainer.comparison and lab.trainer.comparison.seen > 200, "comparing")
    page.until(lambda: page.text("#compare-panel tbody td:last-child"), "results")
    page.picture("lab-compare")
    page.click("#compare-panel .primary")
    page.until(lambda: lab.trainer.doing == "paused", "stopping")


def test_saving_and_code(page, lab):
    page.tab("files")
    page.until(lambda: "fastcnn.Sequential" in page.text("#files-panel pre"), "the code")
    page.find("save-name").send_keys("mine", Keys.ENTER)
    page.until(lambda: "mine" in page.text("#files-panel .files"), "the file")
    assert fastcnn.load_model(Path(lab.folder) / "mine.safetensors").count_params() == lab.model.count_params()
    page.replace("save-name", "../mine")
    page.click("#files-panel .primary")
    page.until(lambda: "a name must be" in page.text("message"), "a wrong name")


def test_every_view_on_a_phone_and_by_night(page, lab):
    for width in (390, 1280):
        for theme in ("light", "dark"):
            assert page.browser.execute_script("return document.documentElement.dataset.theme") == theme
            for tab in ("layers", "answers", "network", "compare", "files"):
                page.tab(tab)
                page.picture(f"{tab}-{theme}-{width}", width, 844 if width < 600 else 1000)
            page.click("theme")
    page.tab("layers")


def test_a_screen_reader_has_names(page, lab):
    bare = page.browser.execute_script("""
        const named = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim()
            || e.labels?.length || e.getAttribute("aria-hidden") === "true" || e.closest("[aria-hidden=true]") || e.title;
        return [...document.querySelectorAll("button, select, input, textarea, canvas, [role]")]
            .filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML.slice(0, 120))""")
    assert bare == []


def test_nothing_leaves_the_machine(page, lab):
    import json

    urls = [json.loads(entry["message"])["message"]["params"].get("request", {}).get("url", "")
            for entry in page.browser.get_log("performance")
            if '"Network.requestWillBeSent"' in entry["message"]]
    start = lab.url.partition("#")[0]
    assert len(urls) > 20 and [url for url in urls if not url.startswith((start, "blob:", "data:", "about:"))] == []


def test_the_page_closes_the_lab(page, lab):
    page.click("stop")
    page.browser.switch_to.alert.accept()
    page.until(lab.finished.is_set, "stopping")
    lab.close()
    page.until(lambda: "closed" in page.text("message") or "does not answer" in page.text("message"), "the page says so")
    page.browser.get("about:blank")
    page.browser.get_log("browser")
