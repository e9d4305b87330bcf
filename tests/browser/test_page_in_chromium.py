"""The local page in a real browser: what a reviewer sees and presses, and what another origin tries in vain (security 34)."""

import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from threading import Thread
from typing import Any

import pytest
from selenium import webdriver
from selenium.webdriver.chrome.options import Options
from selenium.webdriver.chrome.service import Service
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import Select, WebDriverWait

from tests.page_store import SECRET, life_at, opened, served
from trimtab.cli.page.safety import Guard
from trimtab.lifecycle import State
from trimtab.ports import Ports

CHROMIUM, DRIVER = shutil.which("chromium") or shutil.which("google-chrome"), shutil.which("chromedriver")
FLAGS = (
    "--headless=new", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking",
    "--disable-component-update", "--disable-sync", "--window-size=1280,900",
)  # fmt: skip
pytestmark = [
    pytest.mark.browser,
    pytest.mark.skipif(not (CHROMIUM and DRIVER), reason="no chromium and chromedriver on PATH: the page is NOT tested in a browser"),
]
Browser = Any
"""selenium's driver; the package has no types."""


@pytest.fixture(scope="module")
def browser(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Browser]:
    options = Options()
    options.binary_location = CHROMIUM
    for flag in (*FLAGS, f"--user-data-dir={tmp_path_factory.mktemp('chromium')}"):
        options.add_argument(flag)
    driver = webdriver.Chrome(options=options, service=Service(DRIVER))
    driver.set_page_load_timeout(60)
    yield driver
    driver.quit()


@pytest.fixture
def page(tmp_path: Path) -> Iterator[tuple[Ports, int]]:
    with opened(tmp_path / "store") as ports, served(ports) as port:
        yield ports, port


@contextmanager
def another_origin(html: str) -> Iterator[str]:
    """Somebody else's page on the same machine: the nearest that another origin can come."""

    class Evil(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200)
            self.send_header("content-type", "text/html")
            self.end_headers()
            self.wfile.write(html.encode())

        def log_message(self, format: str, *args: object) -> None:  # noqa: A002 -- the base class's name
            """Quiet."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Evil)
    Thread(target=server.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/"
    finally:
        server.shutdown()
        server.server_close()


def entries(ports: Ports, pool: str) -> int:
    return len(ports.ledger.entries(life_at(ports, pool).planned().stream))


def text(browser: Browser) -> str:
    return str(browser.find_element(By.TAG_NAME, "body").text)


def after_click(browser: Browser, css: str) -> None:
    """Click, and wait until another document is there."""
    before = browser.find_element(By.TAG_NAME, "html").id
    browser.find_element(By.CSS_SELECTOR, css).click()
    WebDriverWait(browser, 60).until(
        lambda driver: (
            driver.find_element(By.TAG_NAME, "html").id != before and driver.execute_script("return document.readyState") == "complete"
        )
    )


def test_a_reviewer_reads_a_proposal_and_approves_it(browser: Browser, page: tuple[Ports, int]) -> None:
    ports, port = page
    browser.get(f"http://127.0.0.1:{port}/")
    overview = text(browser)
    browser.find_element(By.LINK_TEXT, "staging-ml/cpu").click()

    assert "awaiting-approval" in overview
    assert browser.find_element(By.TAG_NAME, "h1").text == "Shrink staging-ml/cpu from 3 to 2 nodes"
    assert browser.find_element(By.CSS_SELECTOR, ".diff .removed").text.endswith("count: 3")
    assert browser.find_element(By.CSS_SELECTOR, ".diff .added").text.endswith("count: 2")
    assert browser.find_element(By.CSS_SELECTOR, ".when-wide svg.chart").rect["height"] > 200

    Select(browser.find_element(By.NAME, "person")).select_by_visible_text("platform-owner")
    after_click(browser, "button[value=approve]")

    assert life_at(ports, "cpu").state is State.MERGED
    assert browser.find_element(By.CSS_SELECTOR, ".headline .state").text == "merged"
    assert "platform-owner in slack" in text(browser)


def test_a_rejection_asks_for_its_reason_first(browser: Browser, page: tuple[Ports, int]) -> None:
    """The browser itself sends nothing before a reason is chosen."""
    ports, port = page
    browser.get(f"http://127.0.0.1:{port}/proposals/{life_at(ports, 'batch').planned().id}")
    browser.find_element(By.CSS_SELECTOR, "button[value=reject]").click()
    before = life_at(ports, "batch").state
    Select(browser.find_element(By.NAME, "reason")).select_by_value("wrong-time")
    after_click(browser, "button[value=reject]")

    assert before is State.AWAITING
    assert life_at(ports, "batch").state is State.REJECTED
    assert life_at(ports, "batch").memory[-1].reason == "wrong-time"


@pytest.mark.security(34)
def test_a_form_of_another_origin_is_refused_even_with_the_right_token(browser: Browser, page: tuple[Ports, int]) -> None:
    """The cookie comes along, since another port is the same site; the browser's own Origin gives it away."""
    ports, port = page
    life, before = life_at(ports, "cpu"), entries(ports, "cpu")
    browser.get(f"http://127.0.0.1:{port}/")
    fields = {"token": Guard(port, SECRET).field, "mark": "evil", "action": "approve", "person": "platform-owner"}
    inputs = "".join(f'<input name="{name}" value="{value}">' for name, value in fields.items())
    html = f'<form method="post" action="http://127.0.0.1:{port}/proposals/{life.planned().id}/decide">{inputs}<button>win</button></form>'

    with another_origin(html) as url:
        browser.get(url)
        after_click(browser, "button")

    assert "the form was not sent by this page" in text(browser)
    assert entries(ports, "cpu") == before
    assert life_at(ports, "cpu").state is State.AWAITING


@pytest.mark.security(34)
def test_another_origin_can_neither_read_nor_frame_the_page(browser: Browser, page: tuple[Ports, int]) -> None:
    _, port = page
    told = ".then(answer => answer.text()).then(text => document.title = text, error => document.title = 'blocked')"
    html = f"<script>fetch('http://127.0.0.1:{port}/'){told}</script>"
    with another_origin(html + f'<iframe src="http://127.0.0.1:{port}/"></iframe>') as url:
        browser.get(url)
        WebDriverWait(browser, 30).until(lambda driver: driver.title != "")
        title = browser.title
        browser.switch_to.frame(0)
        framed = browser.page_source
        browser.switch_to.default_content()

    assert title == "blocked"
    assert "staging-ml" not in framed


@pytest.mark.security(26)
def test_foreign_text_runs_nothing(browser: Browser, page: tuple[Ports, int]) -> None:
    """A pool whose name would set the title and load an image, on every view that shows it."""
    _, port = page
    browser.get_log("browser")  # what the tests before left in it
    for path in ("/", "/proposals/prop-00000hostile"):
        browser.get(f"http://127.0.0.1:{port}{path}")

        assert "owned" not in browser.title
        assert "</script><img src=x onerror=" in text(browser)
        assert browser.find_elements(By.CSS_SELECTOR, "img:not([src='/icon.svg'])") == []
        assert [line for line in browser.get_log("browser") if line["level"] == "SEVERE"] == []


@pytest.mark.parametrize("width", [360, 1280])
def test_nothing_is_wider_than_the_screen(browser: Browser, page: tuple[Ports, int], width: int) -> None:
    _, port = page
    browser.execute_cdp_cmd(
        "Emulation.setDeviceMetricsOverride", {"width": width, "height": 800, "deviceScaleFactor": 1, "mobile": width < 600}
    )
    try:
        for path in ("/", "/proposals/prop-00000hostile"):
            browser.get(f"http://127.0.0.1:{port}{path}")
            assert browser.execute_script("return document.documentElement.scrollWidth") <= width
    finally:
        browser.execute_cdp_cmd("Emulation.clearDeviceMetricsOverride", {})
