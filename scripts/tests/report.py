# SPDX-License-Identifier: GPL-2.0
"""The report, read in a browser: sizes, colours, keyboard, screen readers.

Pages are made of the figures that the texts quote, and opened from their files in
chromium. Each check is then shown to find what it is for, in damaged pages.
"""

import re
import shutil

from host.places import BUILD
from measuring import figures
from measuring import report as pages
from tests import builds

# A blank, as a reader's folder may have one
PLACE = BUILD / "test/report page"

SCREEN, PHONE = (1280, 800), (400, 800)
SCHEMES = ("light", "dark")
# Of text, by WCAG 2 level AA
CONTRAST = 4.5
UNITS = r"\b(ms|ns|GB/s|%|Instructions) ?"

# What of the page is looked at in one go, by a script in it
OVERFLOW = "return document.documentElement.scrollWidth - innerWidth"
REQUESTS = """return performance.getEntriesByType("resource").map(e => e.name)
	.filter(name => !/^(file|data):/.test(name))"""
OUTCOME = """const e = document.querySelector("header strong");
	return e ? [e.textContent, e.getBoundingClientRect().bottom] : ["", 0]"""
PLOTS = """return [...document.querySelectorAll("figure")].map(figure => {
	const svg = figure.querySelector("svg"), box = svg.getBoundingClientRect();
	return {
		label: svg.getAttribute("aria-label") || "",
		drawn: box.width > 100 && box.height > 100,
		texts: [...svg.querySelectorAll("text")].map(e => e.textContent),
		dots: svg.querySelectorAll("[id*=PathCollection] use").length,
		caption: (figure.querySelector("figcaption") || {}).textContent || ""}})"""
TEXT_COLOURS = """
	const parse = text => text.match(/[\\d.]+/g).map(Number);
	const light = rgb => rgb.slice(0, 3).map(c => c / 255)
		.map(c => c <= .03928 ? c / 12.92 : ((c + .055) / 1.055) ** 2.4)
		.reduce((sum, c, i) => sum + c * [.2126, .7152, .0722][i], 0);
	const behind = e => {
		for (; e; e = e.parentElement) {
			const found = parse(getComputedStyle(e).backgroundColor);
			if (found.length < 4 || found[3] > 0) return found;
		}
		return [255, 255, 255];
	};
	const found = [], all = document.querySelectorAll("body *");
	for (const e of all) {
		const text = [...e.childNodes].filter(n => n.nodeType == 3)
			.map(n => n.data.trim()).join("");
		if (!text || e.tagName == "style" || !e.getClientRects().length) continue;
		const style = getComputedStyle(e);
		const [a, b] = [light(parse(e.ownerSVGElement ? style.fill : style.color)),
				light(behind(e))].sort((x, y) => y - x);
		found.push([(a + .05) / (b + .05), text.slice(0, 30)]);
	}
	return found"""
FOCUSABLE = """window.wanted = [...document.querySelectorAll("a[href], summary, .wide")]
	.filter(e => e.checkVisibility()); return window.wanted.length"""
FOCUSED = """const e = document.activeElement, style = getComputedStyle(e);
	return [window.wanted.indexOf(e), style.outlineStyle != "none" &&
		parseFloat(style.outlineWidth) > 0, e.outerHTML.slice(0, 60)]"""
HEADERS = """return [...document.querySelectorAll("th:not([scope])")].length"""


class Browser:
	"""A page in chromium."""

	def __init__(self):
		from selenium import webdriver
		from selenium.webdriver.chrome.service import Service
		options = webdriver.ChromeOptions()
		# It has no sandbox for root, who may run the tests; the pages are ours.
		# And /dev/shm is small in containers.
		for argument in ("--headless=new", "--no-sandbox", "--disable-gpu",
				 "--disable-dev-shm-usage", "--disable-background-networking"):
			options.add_argument(argument)
		options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
		options.binary_location = "/usr/bin/chromium"
		self.driver = webdriver.Chrome(service=Service("/usr/bin/chromedriver"),
					       options=options)

	def open(self, path):
		self.scheme("light")
		self.size(*SCREEN)
		self.driver.get(path.resolve().as_uri())

	def tell(self, command, **settings):
		return self.driver.execute_cdp_cmd(command, settings)

	def ask(self, script):
		return self.driver.execute_script(script)

	def size(self, width, height):
		self.tell("Emulation.setDeviceMetricsOverride", width=width, height=height,
			  deviceScaleFactor=1, mobile=False)

	def scheme(self, name):
		self.tell("Emulation.setEmulatedMedia",
			  features=[{"name": "prefers-color-scheme", "value": name}])

	def tab(self):
		for kind in ("rawKeyDown", "keyUp"):
			self.tell("Input.dispatchKeyEvent", type=kind, key="Tab", code="Tab",
				  windowsVirtualKeyCode=9)


# ---- what is looked at: each yields what is wrong ------------------------------

def is_quiet(browser, results):
	"""nothing fails in it, and it asks for nothing from elsewhere"""
	for entry in browser.driver.get_log("browser"):
		yield f"the browser says: {entry['message'][:100]}"
	for name in browser.ask(REQUESTS):
		yield f"it asks for {name}"


def fits(browser, results):
	"""it fits a screen and a phone"""
	for size in (PHONE, SCREEN):
		browser.size(*size)
		if (wider := browser.ask(OVERFLOW)) > 0:
			yield f"{wider} pixels wider than a page of {size[0]}"


def tells_outcome(browser, results):
	"""the first screen tells what changed, by how much, and the spread"""
	text, bottom = browser.ask(OUTCOME)
	if "ms instead of" not in text or ".." not in text:
		yield f"it says '{text}'"
	if bottom > SCREEN[1]:
		yield f"what changed is told {bottom:.0f} pixels down"


def has_plots(browser, results):
	"""plots are drawn, and tell their units, their spread, and what they are"""
	plots = browser.ask(PLOTS)
	if len(plots) < 2:
		yield f"{len(plots)} plots"
	for plot in plots:
		name = plot["label"][:40] or "a plot without a text"
		if not plot["label"].startswith("Plot: "):
			yield f"{name}: no text for who does not see it"
		if not plot["drawn"] or not plot["caption"]:
			yield f"{name}: not drawn, or no caption"
		if not any(re.search(UNITS, text) for text in plot["texts"]):
			yield f"{name}: no unit"
	for (key, title), plot in zip(pages.LENSES, plots):
		boots = sum(len(values) for kernels in results[key].values()
			    for values in kernels.values())
		if plot["dots"] != boots:
			yield f"{title}: {plot['dots']} dots for {boots} boots"


def can_be_read(browser, results):
	"""light or dark, text stands out from what is behind it"""
	for scheme in SCHEMES:
		browser.scheme(scheme)
		for contrast, text in browser.ask(TEXT_COLOURS):
			if contrast < CONTRAST:
				yield f"{scheme}: contrast {contrast:.1f} of '{text}'"
				break


def has_keyboard(browser, results):
	"""Tab goes to each link and each wide table, in order, and shows where it is"""
	for place in range(browser.ask(FOCUSABLE)):
		browser.tab()
		at, visible, element = browser.ask(FOCUSED)
		if at != place:
			yield f"Tab {place + 1} goes to {element}"
			return
		if not visible:
			yield f"it does not show that {element} has the focus"
			return


def can_be_heard(browser, results):
	"""a screen reader finds names, headings in order, and landmarks"""
	named, levels, roles = ("image", "table", "region", "navigation"), [0], set()
	for node in browser.tell("Accessibility.getFullAXTree")["nodes"]:
		role = node.get("role", {}).get("value")
		roles.add(role)
		if role in named and not node.get("name", {}).get("value"):
			yield f"{role} without a name"
		if role == "heading":
			levels += [found["value"]["value"] for found in node["properties"]
				   if found["name"] == "level"]
	for before, after in zip(levels, levels[1:]):
		if after > before + 1:
			yield f"a heading of level {after} after one of level {before}"
	if levels.count(1) != 1:
		yield f"{levels.count(1)} headings of level 1"
	for role in ("main", "banner", "navigation", "image", "table"):
		if role not in roles:
			yield f"no {role}"
	if count := browser.ask(HEADERS):
		yield f"{count} cells that head neither a row nor a column"


CHECKS = (is_quiet, fits, tells_outcome, has_plots, can_be_read, has_keyboard,
	  can_be_heard)

# What is done to a page, and the check that has to find it
DAMAGES = {
	"a script that fails": (is_quiet, "</main>", "<script>nothing()</script></main>"),
	"a picture from elsewhere": (is_quiet, "</main>", "<img alt=x src='http://"
				     "nowhere.invalid/x.png'></main>"),
	"a wide word": (fits, "</h1>", "</h1><p style='width: 500px'>wide</p>"),
	"an outcome out of sight": (tells_outcome, "<h1>", "<h1 style='height: 900px'>"),
	"an outcome without spread": (tells_outcome, "..", " to "),
	"a plot without a text": (has_plots, 'aria-label="Plot: Boot', 'lang="Boot'),
	"a plot without units": (has_plots, ">Boot to init, ms</text>", "></text>"),
	"a boot that is not shown": (has_plots, 'PathCollection_1"', 'lost"'),
	"a plot that is not drawn": (has_plots, "svg { max-width: 100%", "svg { max-width: 0"),
	"faint text on light": (can_be_read, "--faint: #5e5e5e", "--faint: #999"),
	"faint text on dark": (can_be_read, "--faint: #a0a0a0", "--faint: #666"),
	"a plot for light pages only": (can_be_read, "fill: currentColor", "fill: #222"),
	"a table out of reach": (has_keyboard, " tabindex=0", ""),
	"another order": (has_keyboard, '<a href="#nodes"', '<a tabindex=1 href="#nodes"'),
	"a focus that does not show": (has_keyboard, "outline: 3px", "outline: 0px"),
	"a table without a name": (can_be_heard, "<table aria-label", "<table lang"),
	"a level of headings left out": (can_be_heard, "<h2 ", "<h4 "),
	"no main part": (can_be_heard, "<main>", "<div>"),
	"heads without a scope": (can_be_heard, " scope=row", ""),
}


# ---- the pages -----------------------------------------------------------------

def of_dmesg(results):
	"""As scripts/measure --dmesg has it, with the boots of one guest."""
	def boots(key):
		return {"": {kernel: results[key]["64G"][kernel]
			     for kernel in ("stock", "series")}}

	return {"deferred_init_ms": boots("deferred_init_ms"), "boot_ms": boots("boot_ms"),
		"nodes": {"stock": {"0": 250.0, "1": 240.0}, "series": {"0": 99.0, "1": 97.0}},
		"took_part": {"series": {"cpus": 2, "imbalance": 1.02}},
		"references": ["stock"], "command": "scripts/measure --dmesg stock series"}


def check_page(report, browser, name, results):
	"""A page made of these figures. Returns where it is."""
	folder = PLACE / name
	(folder / "dmesg").mkdir(parents=True)
	(folder / "dmesg/stock 1.txt").write_text("[    0.000000] Linux version 6.12\n")
	pages.write(results, folder)
	path = folder / "index.html"
	for look in CHECKS:
		browser.open(path)
		problems = list(look(browser, results))
		report.check(not problems, f"{name}: {look.__doc__}", problems)
	return path


def check_damages(report, browser, path, results):
	"""Each in a copy of that page."""
	text = path.read_text()
	copy = path.with_name("damaged.html")
	for name, (look, old, new) in DAMAGES.items():
		copy.write_text(text.replace(old, new))
		browser.open(copy)
		found = list(look(browser, results))
		report.check(found and old in text, f"{name} is found",
			     [] if old in text else [f"the page has no '{old}'"])


def check(report):
	ended = builds.script("scripts/setup", "measure", "browser")
	if not ended.ok:
		report.skip("in chromium", "it cannot be had: "
			    + (ended.errors or ["no word"])[-1])
		return
	results = figures.read(figures.KEPT)
	small = of_dmesg(results)
	shutil.rmtree(PLACE, ignore_errors=True)
	browser = Browser()
	try:
		check_page(report, browser, "of guests", results)
		path = check_page(report, browser, "of a real machine", small)
		check_damages(report, browser, path, small)
	finally:
		browser.driver.quit()
