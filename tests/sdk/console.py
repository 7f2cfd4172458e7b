"""Uses the console as a person would, in a real browser.

console.py CHROMEDRIVER URL TOKEN: drives a headless Chromium through the page
at URL, and plays the callers and workers in between over the native API.
Prints, for each step, what the page showed then.
"""

import json
import os
import sys
import tempfile

import httpx
from selenium import webdriver
from selenium.common.exceptions import ElementClickInterceptedException, StaleElementReferenceException
from selenium.webdriver.common.by import By
from selenium.webdriver.common.keys import Keys
from selenium.webdriver.support.ui import Select, WebDriverWait

PATIENCE_S = 60
# What passes as the page is drawn anew.
PASSING = [ElementClickInterceptedException, StaleElementReferenceException]
TEXTS = """
    const found = [...document.querySelectorAll(arguments[0])];
    return found.filter((one) => one.checkVisibility()).map((one) => one.innerText.trim());
"""
# A resource whose id is a script for whoever takes it for HTML.
TRAP = "<img src=x onerror=\"document.title='caught'\">"


def browser(chromedriver: str, profile: str) -> webdriver.Chrome:
    options = webdriver.ChromeOptions()
    options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
    for argument in (
        "--headless=new",
        "--no-sandbox",  # Of no use to pages of our own, and not to be had everywhere.
        "--disable-dev-shm-usage",
        "--disable-gpu",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
        "--no-proxy-server",
        "--window-size=1200,1000",
        f"--user-data-dir={profile}",
    ):
        options.add_argument(argument)
    driver = webdriver.Chrome(options, webdriver.ChromeService(chromedriver))
    driver.set_page_load_timeout(PATIENCE_S)
    return driver


class Console:
    """The page, and what is seen on it."""

    def __init__(self, driver: webdriver.Chrome) -> None:
        self.driver = driver

    def until(self, what: str, seen):
        """Waits until `seen` gives something; what is drawn anew meanwhile is looked at again."""

        waiting = WebDriverWait(self.driver, PATIENCE_S, 0.05, PASSING)
        return waiting.until(lambda _: seen(), what)

    def find(self, selector: str):
        return self.until(selector, lambda: next(iter(self.visible(selector)), None))

    def visible(self, selector: str) -> list:
        found = self.driver.find_elements(By.CSS_SELECTOR, selector)
        return [one for one in found if one.is_displayed()]

    def texts(self, selector: str) -> list[str]:
        """All of them at one moment."""
        return self.driver.execute_script(TEXTS, selector)

    def sees(self, selector: str, *wanted: str) -> list[str]:
        """Waits until these, and nothing else, are the texts of what the selector finds."""
        self.until(f"{selector}: {wanted}", lambda: self.texts(selector) == list(wanted))
        return list(wanted)

    def click(self, selector: str) -> None:
        """Clicks on the first that it finds. One that is drawn anew just then is looked for again."""

        def clicked() -> bool:
            found = self.visible(selector)
            if found:
                found[0].click()
            return bool(found)

        self.until(f"click on {selector}", clicked)


def tell(step: str, saw: object) -> None:
    print(json.dumps({"client": step, "saw": saw}), flush=True)


def use(console: Console, url: str, token: str, api: httpx.Client) -> None:
    def call(path: str, body: object = None) -> dict:
        answer = api.post(f"/api/v1/{path}", json=body)
        answer.raise_for_status()
        return answer.json()

    def report(lease: dict, **said: object) -> None:
        held = {"id": lease["operation"]["id"], "fence": lease["fence"]}
        call("leases:report", {"reports": [held | said]})

    def submit(kind: str, *resources: str, **more: object) -> str:
        ids = [{"id": one} for one in resources]
        return call("operations", {"kind": kind, "resources": ids} | more)["id"]

    # Nobody is let in without a token that is known.
    console.driver.get(url)
    console.find("input[name=token]").send_keys("not-a-token", Keys.ENTER)
    tell("a wrong token", console.sees("#notice", "The server does not know this token."))

    first = submit("reboot", "cpm-1", TRAP, labels={"team": "blue"})
    console.find("input[name=token]").send_keys(token, Keys.ENTER)
    console.sees("tbody .id", first)
    tell("the list", console.texts("tbody tr td:nth-child(2)"))

    # What comes later is seen without a click.
    second = submit("checksum")
    tell("the list later", len(console.sees("tbody .id", second, first)))

    # A filter is a place of its own, to which one can come back.
    Select(console.find("select[name=status]")).select_by_visible_text("queued")
    console.find("input[name=label]").send_keys("team=blue", Keys.ENTER)
    console.sees("tbody .id", first)
    console.driver.back()
    console.sees("tbody .id", second, first)
    console.driver.forward()
    tell("a filter", len(console.sees("tbody .id", first)))

    # An operation as it goes on.
    console.click("tbody .id")
    console.sees("h1", first)
    console.sees(".resources tbody .status", "pending", "pending")
    tell("markup in an id", console.texts(".resources tbody td:nth-child(2)"))
    lease = call("leases", {"kinds": ["reboot"], "worker": "rack-7"})["leases"][0]
    console.sees(".state .status", "running")
    done = {"id": "cpm-1", "status": "succeeded", "output": {"boot_s": 41}}
    report(lease, resources=[done], message="rebooting")
    console.sees(".resources tbody .status", "succeeded", "pending")
    console.sees(".state .message", "rebooting")
    tell("its resources", console.texts(".resources tbody td:nth-child(4)"))
    Select(console.find(".resources select")).select_by_visible_text("pending")
    tell("those that are pending", console.sees(".resources output", "1 of 2"))

    # It is asked to stop, but not by mistake.
    console.click(".cancel")
    console.click("dialog .no")
    console.click(".cancel")
    console.click("dialog .yes")
    tell("cancelled", console.sees(".state .status", "cancelling"))
    report(lease, finish={"status": "cancelled"})
    console.sees(".state .status", "cancelled")
    console.until("the end", lambda: "ended" in "".join(console.texts(".history li")[-1:]))
    kinds = ("submitted", "leased", "reported", "cancel requested", "ended")
    history = [one for line in console.texts(".history li") for one in kinds if one in line.splitlines()[-1]]
    tell("its history", history)
    console.click(".delete")
    console.click("dialog .yes")
    console.find("form.bulk")
    tell("deleted", api.get(f"/api/v1/operations/{first}").status_code)

    # Many at once, counted first.
    for number in range(60):
        submit("many", f"r-{number}")
    console.driver.get(f"{url}#/?kind=many")
    console.until("a page", lambda: len(console.texts("tbody tr")) == 50)
    console.click(".more")
    console.until("two pages", lambda: len(console.texts("tbody tr")) == 60)
    console.click("form.bulk button")
    question = console.find("#question").text
    console.click("dialog .yes")
    console.sees("#notice", "60 of 60: done.")
    tell("many", [question, call("operations:bulk", {"action": "delete", "kind": "many", "preview": True})["matched"]])

    # What is gone, or never was, is told.
    console.driver.get(f"{url}#/operations/{first}")
    tell("what is gone", console.until("gone", lambda: [text for text in console.texts("#notice") if text]))

    console.click("#leave")
    console.find("input[name=token]")
    tell("signed out", console.driver.execute_script("return sessionStorage.getItem('token')"))


def main(chromedriver: str, url: str, token: str) -> None:
    # Selenium would report how it is used, and look for drivers to download.
    os.environ |= {"SE_AVOID_STATS": "true", "SE_OFFLINE": "true", "NO_PROXY": "*"}
    headers = {"Authorization": f"Bearer {token}"}
    with (
        tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as profile,
        httpx.Client(base_url=url, headers=headers, trust_env=False) as api,
        browser(chromedriver, profile) as driver,
    ):
        use(Console(driver), url, token, api)
        # Refusals are part of the test; anything that the page itself may not do is not.
        log = [entry["message"] for entry in driver.get_log("browser")]
        tell("the browser's complaints", [one for one in log if "Failed to load resource" not in one])
        tell("the title", driver.title)


if __name__ == "__main__":
    main(*sys.argv[1:])
