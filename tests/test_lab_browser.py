"""The lab in a browser: a headless Chromium trains, draws, edits, saves, as a person would.

`lab_page.py` says what it needs. `FASTCNN_LAB_PICTURES=docs/images pytest tests/test_lab_browser.py` makes the pictures of
docs/lab.md.
"""

import base64
import json
import time
from pathlib import Path

import pytest
from lab_page import SEVEN, Page, chromium, needs_browser

import fastcnn
from fastcnn.lab import Lab
from fastcnn.lab.layers import shown

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402
from selenium.webdriver.support.select import Select  # noqa: E402

pytestmark = needs_browser


@pytest.fixture(scope="module")
def browser():
    driver = chromium()
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


@pytest.fixture
def page(browser, lab):
    page = Page(browser, lab)
    yield page
    assert [message for message in page.errors() if "/api/save" not in message] == []  # a name that is refused on purpose


def gradients_of(lab, x, y):
    """All that a page can show of them, which are computed at once: the last bits depend on what is asked for."""
    return lab.model.gradients(x, y, wrt=[*shown(lab.model), "inputs", "weights"], training=False)[1]


KINDS = "activations", "gradients", "filters", "filter_gradients"
MAPS = "[aria-label='Layer c1'] .maps canvas"


def test_it_learns(page, lab):
    before = page.pixels(MAPS)
    page.click("start")
    page.until(lambda: page.text("start") == "Pause", "starting")
    page.until(lambda: lab.trainer.answers.accuracy >= 0.97, "97 % right", 400)
    page.pause()
    step = lab.trainer.step
    assert page.pixels(MAPS) != before, "the maps change"
    page.until(lambda: float(page.text("right").split()[0]) >= 97, "the page says so")
    time.sleep(0.5)
    assert lab.trainer.step == step, "no steps while it pauses"
    page.click("step")
    page.until(lambda: lab.trainer.step == step + 1, "one step")


@pytest.mark.parametrize("width, height, name", [(1280, 1000, "lab"), (390, 1700, "lab-phone")])
def test_it_looks_well_by_day_and_by_night(page, width, height, name):
    page.size(width, height)
    page.browser.refresh()  # a narrow page folds what is long
    page.until(lambda: page.text("title") == "LeNet-5, tanh", "the page begins")
    for theme in ("", "-night"):
        page.picture(f"{name}{theme}", width, height)
        page.click("theme")


def test_numbers_are_those_of_gradients(page, lab):
    page.pause()
    x = lab.trainer.images.prepare(lab.trainer.images.x_test[:1])
    page.browser.execute_script("scrollTo(0, 0)")
    Select(page.find("#specimen select")).select_by_value("training")
    Select(page.find("#specimen select")).select_by_value("test")
    page.until(lambda: "Test image 0:" in page.text(".truth"), "the image")
    gradients = gradients_of(lab, x, lab.trainer.images.y_test[:1])
    output = fastcnn.Model(lab.model.input, lab.model.get_layer("c1").output).predict(x)
    for number, values in enumerate((output, gradients["c1"])):
        text = page.browser.find_elements(By.CSS_SELECTOR, "[aria-label='Layer c1'] .range")[number].text
        assert [float(word) for word in text.split(" … ")] == [float(f"{v:.4g}") for v in (values.min(), values.max())]


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


@pytest.mark.parametrize("kind", ["gradients", "filters", "filter_gradients"])
def test_numbers_of_other_maps(page, lab, kind):
    place = list(KINDS).index(kind)
    page.pause()
    places = page.browser.find_elements(By.CSS_SELECTOR, "[aria-label='Layer c1'] .maps")
    if kind == "filter_gradients":
        page.click("#kinds label:nth-child(4) input")
        page.until(places[place].is_displayed, "more maps")
    canvas = places[place].find_element(By.TAG_NAME, "canvas")
    page.until(lambda: canvas.is_displayed() and canvas.size["height"], "maps are painted")  # by a frame
    page.click(canvas)
    page.until(lambda: page.text("#lens .sum b"), "a number")
    page.find("#lens canvas").send_keys(Keys.ARROW_UP * 30, Keys.ARROW_LEFT * 30, Keys.ARROW_RIGHT * 3, Keys.ARROW_DOWN * 2)
    page.until(lambda: "row 2, column 3" in page.text("#lens .note"), "the number chosen")
    number = int(page.text("lens-title").split("map ")[1].split()[0]) - 1
    images = lab.trainer.images
    x, y = images.prepare(images.x_test[:1]), images.y_test[:1]
    gradients = gradients_of(lab, x, y)
    values = {"gradients": gradients["c1"][0][2, 3], "filters": lab.model.get_layer("c1").kernel.value[2, 3, 0],
              "filter_gradients": gradients["c1/kernel"][2, 3, 0]}[kind]
    assert float(page.text("#lens .sum b")) == float(f"{values[number]:.4g}")
    page.find("#lens canvas").send_keys(Keys.ESCAPE)


def test_a_drawn_seven_is_a_seven(page, lab):
    page.draw(SEVEN)
    page.until(lambda: page.text("says").startswith("7"), "the seven is recognised")
    page.picture("lab-drawing")
    page.browser.execute_script("scrollTo(0, 0)")
    assert "Your drawing. The network says 7." in page.text(".truth")
    page.browser.refresh()
    page.until(lambda: page.text("says").startswith("7"), "the seven is still there after a reload")
    assert max(page.pixels("#pad")[::4]) > 200
    page.click("wipe")
    page.until(lambda: page.text("says") == "", "wiping")
    page.find("pad").send_keys(Keys.SPACE, Keys.ARROW_DOWN * 6, Keys.SPACE)
    page.until(lambda: page.text("says"), "drawing by keys")


@pytest.mark.parametrize("kind", ["touch", "pen"])
def test_fingers_and_pens_draw(page, lab, kind):
    page.click("wipe")
    page.until(lambda: page.text("says") == "", "wiping")
    page.draw(SEVEN, kind)
    page.until(lambda: page.text("says").startswith("7"), "the seven is recognised")


def test_the_camera_and_pictures(page, lab, tmp_path):
    page.click("camera")
    page.until(lambda: page.text("camera") == "Stop camera" and page.text("says"), "the camera")
    page.click("camera")
    assert page.text("camera") == "Camera"
    page.click("wipe")
    (tmp_path / "one.png").write_bytes(base64.b64decode(page.browser.execute_script(PAPER).partition(",")[2]))
    page.find("open").send_keys(str(tmp_path / "one.png"))
    page.until(lambda: page.text("says").startswith("1"), "a one on paper")
    page.click("wipe")
    page.browser.execute_async_script(DROP, "one.png", "image/png")
    page.until(lambda: page.text("says").startswith("1"), "a picture that is dropped")
    page.browser.execute_async_script(DROP, "notes.txt", "text/plain")
    page.until(lambda: "notes.txt is no picture" in page.text("message"), "what is none is refused")


PAPER = """  // a one in ink on paper
    window.paper = Object.assign(document.createElement("canvas"), { width: 60, height: 90 });
    const pen = paper.getContext("2d");
    for (const [colour, ...box] of [["#ebebeb", 0, 0, 60, 90], ["#282828", 27, 20, 6, 50]]) {
        pen.fillStyle = colour;
        pen.fillRect(...box);
    }
    return paper.toDataURL("image/png")"""
DROP = """
    const [name, type, done] = arguments, dataTransfer = new DataTransfer();
    paper.toBlob((blob) => {
        dataTransfer.items.add(new File([type.startsWith("image") ? blob : "a text"], name, { type }));
        dispatchEvent(new DragEvent("drop", { dataTransfer, cancelable: true }));
        done();
    })"""


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
    page.browser.refresh()
    page.until(lambda: '"units": 60' in page.find("definition").get_attribute("value"), "a draft outlives a reload")
    page.until(lambda: "This works" in page.text("definition-says"), "it is tried again")
    page.picture("lab-network")
    page.click("#network-panel .editor ~ .row .primary")
    page.until(lambda: "c1, c3, c5" in page.text("message"), "layers keep what they had learnt")
    assert lab.model.get_layer("f6").units == 60
    page.click("#network-panel [aria-label='Remove Dense']")
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
    page.until(lambda: lab.trainer.comparison and lab.trainer.comparison.seen > 5000, "comparing")
    page.until(lambda: page.text("#compare-panel tbody td:last-child"), "results")
    page.picture("lab-compare")
    page.click("#compare-panel .primary")
    page.until(lambda: lab.trainer.doing == "paused", "stopping")


def test_saving_and_code(page, lab):
    page.tab("files")
    page.until(lambda: "fastcnn.Sequential" in page.text("#files-panel pre"), "the code")
    page.click("start")
    page.find("save-name").send_keys("mine", Keys.ENTER)
    page.until(lambda: "mine" in page.text("#files-panel .files"), "the file")
    version = lab.trainer.version
    page.until(lambda: lab.trainer.version > version + 5, "more frames")
    assert page.text("message") == "Saved as mine.", "they do not replace what was said"
    page.pause()
    assert fastcnn.load_model(Path(lab.folder) / "mine.safetensors").count_params() == lab.model.count_params()
    page.replace("save-name", "../mine")
    page.click("#files-panel .primary")
    page.until(lambda: "a name must be" in page.text("message"), "a wrong name")


@pytest.mark.parametrize("width", [390, 1280])
def test_every_view_on_a_phone_and_by_night(page, lab, width):
    for theme in ("light", "dark"):
        assert page.browser.execute_script("return document.documentElement.dataset.theme") == theme
        for tab in ("answers", "network", "compare", "files", "layers"):
            page.tab(tab)
            page.picture(f"{tab}-{theme}-{width}", width, 1700 if width < 600 else 1000)
            assert page.pale() == [], (tab, theme)
        page.click("theme")


def test_a_screen_reader_has_names(page, lab):
    bare = page.browser.execute_script("""
        const named = (e) => e.getAttribute("aria-label") || e.getAttribute("aria-labelledby") || e.textContent.trim()
            || e.labels?.length || e.getAttribute("aria-hidden") === "true" || e.closest("[aria-hidden=true]") || e.title;
        return [...document.querySelectorAll("button, select, input, textarea, canvas, [role]")]
            .filter((e) => e.checkVisibility() && !named(e)).map((e) => e.outerHTML.slice(0, 120))""")
    assert bare == []


def test_nothing_leaves_the_machine(page, lab):
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
