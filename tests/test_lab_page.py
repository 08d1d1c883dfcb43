"""More of the lab in a browser: images and models of all kinds, notebooks, files that the page gives, keys."""

import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

import few_data
import numpy as np
import pytest
from lab_page import SEVEN, Page, chromium, needs_browser

import fastcnn
from fastcnn.lab import Lab

selenium = pytest.importorskip("selenium", reason="selenium is not installed")

from selenium.webdriver.common.by import By  # noqa: E402
from selenium.webdriver.common.keys import Keys  # noqa: E402

pytestmark = needs_browser

(X, Y), (X_TEST, Y_TEST) = fastcnn.datasets.mnist.load_data()
DIGITS = (X[:640], Y[:640]), (X_TEST[:200], Y_TEST[:200])


@pytest.fixture(scope="module")
def browser():
    driver = chromium()
    yield driver
    driver.quit()


@pytest.fixture(scope="module")
def data(tmp_path_factory):
    folder = tmp_path_factory.mktemp("data")
    few_data.write(folder)
    few_data.write_photographs(folder)
    return folder


@pytest.fixture
def open_page(browser, tmp_path):
    """Opens a lab, and its page; in the end nothing must have gone wrong there."""
    labs = []

    def opened(model=None, images=DIGITS):
        lab = Lab(model, images, str(tmp_path / "models"))
        labs.append(lab)
        lab.start()
        return Page(browser, lab)

    yield opened
    wrong = [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]
    browser.get("about:blank")
    for lab in labs:
        lab.close()
    assert wrong == []


@pytest.mark.parametrize("images, shape, classes", [
    ("fashion", (28, 28, 1), "Ankle boot"), ("cifar10", (32, 32, 3), "airplane"), ("flowers", (64, 64, 3), "daisy"),
    ("flowers.zip", (64, 64, 3), "tulips")])
def test_images_of_all_kinds(open_page, data, images, shape, classes, monkeypatch):
    few_data.offer(data, monkeypatch)
    if images.startswith("flowers"):
        pytest.importorskip("PIL", reason="Pillow is not installed")
    page = open_page(None, str(data / images) if images.startswith("flowers") else images)
    found = page.lab.trainer.images
    assert found.shape == shape and classes in found.class_names
    assert page.text("data").startswith(f"{images}, ")
    page.click("step")
    page.until(lambda: page.lab.trainer.step == 1, "a step")
    page.until(lambda: page.find("#layers .maps canvas").size["width"] > 0, "the maps")
    assert len(set(page.pixels("#specimen canvas"))) > 2, "the image is shown"
    page.draw(SEVEN)
    page.until(lambda: any(name in page.text("says") for name in found.class_names), "an answer to a drawing")
    page.tab("answers")
    page.until(lambda: page.text("#answers-panel .strip"), "answers")
    page.click("#answers-panel .answer-card")
    page.until(lambda: page.lab.trainer.specimen[0] == "test", "an image that is chosen")
    page.tab("files")
    page.until(lambda: "model.fit" in page.text("#files-panel pre"), "the code")


def test_a_model_from_a_file(open_page, data, tmp_path):
    model = fastcnn.networks.lenet5(weights="mnist")
    model.save(tmp_path / "digits.safetensors")
    page = open_page(str(tmp_path / "digits.safetensors"))
    assert page.text("title") == "digits" and float(page.text("right").split()[0]) > 97
    page.draw(SEVEN)
    page.until(lambda: page.text("says").startswith("7"), "it knows sevens already")


def test_models_that_come_along(open_page):
    page = open_page()
    page.tab("files")
    page.until(lambda: "lenet5-mnist" in page.text("#files-panel .files"), "the list")
    page.click("[aria-label='Load lenet5-mnist']")
    page.until(lambda: page.text("title") == "lenet5-mnist", "loading")
    page.until(lambda: float(page.text("right").split()[0]) > 97, "it is trained")


class _Notebook(BaseHTTPRequestHandler):
    """A page that shows a cell's value as notebooks do."""

    def do_GET(self):
        self.send_response(200)
        self.send_header("Content-Type", "text/html; charset=utf-8")
        self.end_headers()
        self.wfile.write(f"<!doctype html><link rel=icon href=data:,><h1>cell</h1>{self.server.cell}".encode())

    def log_message(self, form, *values):
        pass


def test_a_notebook_shows_the_lab(open_page, browser):
    page = open_page()
    with ThreadingHTTPServer(("127.0.0.1", 0), _Notebook) as notebook:
        notebook.cell = page.lab._repr_html_()
        threading.Thread(target=notebook.serve_forever, daemon=True).start()
        browser.get(f"http://localhost:{notebook.server_address[1]}/")
        browser.switch_to.frame(browser.find_element(By.TAG_NAME, "iframe"))
        page.until(lambda: page.text("title") == "LeNet-5, tanh", "the lab within another page")
        page.click("step")
        page.until(lambda: page.lab.trainer.step == 1, "a step")
        browser.switch_to.default_content()
        browser.get("about:blank")
        notebook.shutdown()


def _ends(path, ending):
    """Is the file there to its end? The browser makes it before it writes."""
    return path.exists() and path.read_bytes().endswith(ending)


def test_pictures_and_code_as_files(open_page, browser, tmp_path):
    page = open_page()
    browser.execute_cdp_cmd("Browser.setDownloadBehavior", {"behavior": "allow", "downloadPath": str(tmp_path)})
    page.click("step")
    page.until(lambda: page.lab.trainer.step == 1, "a step")
    page.until(lambda: page.find(".maps canvas").size["height"] > 0, "maps are painted")  # by a frame
    for button, name in (("curves-png", "curves.png"), ("#kinds > button", "layers.png")):
        page.click(button)
        page.until(lambda path=tmp_path / name: _ends(path, b"IEND\xaeB`\x82"), name)
        content = (tmp_path / name).read_bytes()
        assert content.startswith(b"\x89PNG") and len(content) > 2000
    page.tab("files")
    page.until(lambda: "model.fit" in page.text("#files-panel pre"), "the code")
    page.click("#files-panel section:last-child .row button:last-child")
    code = page.find("#files-panel pre").get_property("textContent")
    page.until(lambda: _ends(tmp_path / "network.py", code.encode()), "network.py")
    compile(code, "network.py", "exec")


def test_all_of_it_by_keys(open_page, browser):
    page = open_page()
    trainer, body = page.lab.trainer, page.find("body ")
    body.send_keys("s")
    page.until(lambda: trainer.step == 1, "s: a step")
    body.send_keys(" ")
    page.until(lambda: page.text("start") == "Pause", "Space: start")
    body.send_keys(" ")
    page.until(lambda: page.text("start") == "Start", "Space: pause")
    body.send_keys("n")
    page.until(lambda: trainer.specimen != ("test", 0), "n: another image")
    body.send_keys("3")
    page.until(lambda: page.find("network-panel").is_displayed(), "3: the network")
    page.find("tab-network").send_keys(Keys.ARROW_LEFT)
    page.until(lambda: page.find("answers-panel").is_displayed(), "an arrow: the tab beside")
    body.send_keys("?")
    page.until(lambda: page.find("helping").is_displayed(), "?: help")
    assert page.pale() == []
    page.find("#helping button").send_keys(Keys.ESCAPE)
    page.until(lambda: not page.find("helping").is_displayed(), "Escape: no help")
    page.tab("layers")
    page.until(lambda: page.find("#layers .maps canvas").size["width"] > 0, "the maps")
    page.find("#layers .maps canvas").send_keys(Keys.ENTER)
    page.until(lambda: page.find("lens").is_displayed(), "Enter: a map is enlarged")
    page.until(lambda: page.text("#lens .sum b"), "its arithmetic")
    page.find("#lens canvas").send_keys(Keys.ESCAPE)
    unreachable = browser.execute_script("""
        return [...document.querySelectorAll("button, select, input, textarea, a, canvas[role=button]")]
            .filter((e) => e.checkVisibility() && e.tabIndex < 0 && e.getAttribute("role") !== "tab")
            .map((e) => e.outerHTML)""")
    assert unreachable == []


@pytest.mark.filterwarnings("ignore:the loss is nan")
def test_a_large_rate_is_explained(open_page):
    page = open_page()
    page.replace("#settings .setting:nth-child(2) .value", "1e9")
    page.until(lambda: page.lab.model.optimizer.learning_rate == 1e9, "the rate")
    page.click("start")
    with np.errstate(all="ignore"):
        page.until(lambda: "beyond all numbers" in page.text("message"), "it says so")
    page.until(lambda: page.text("start") == "Start", "it pauses")
    page.click("reset")
    page.until(lambda: page.lab.trainer.revision == 2, "reset")
