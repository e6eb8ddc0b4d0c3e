// Checks of touch targets, input text, width, clipped text, sticky elements and focus. Each returns a list of problems.
(() => {
  const TARGETS = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const TARGET_SIZE = 44;
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (element) => {
    const text = element.getAttribute("aria-label") || element.textContent || element.name || "";
    return `<${element.tagName.toLowerCase()}> "${text.trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  };
  // Whether a click at this point reaches the element, its content or its label.
  const reaches = (element, x, y) => {
    const hit = document.elementFromPoint(x, y);
    if (!hit) return false;
    return element.contains(hit) || hit.closest("label")?.control === element;
  };
  // WCAG exempts links within a sentence from the minimum size.
  const inSentence = (element) =>
    getComputedStyle(element).display === "inline" &&
    element.parentElement.textContent.trim().length > element.textContent.trim().length;
  // The axe rules that depend on colours and sizes.
  const STYLE_RULES = ["color-contrast", "link-in-text-block", "scrollable-region-focusable"];
  let checkedElements = "";
  const hidden = (element) => element.closest(".visually-hidden, [inert]") || !shown(element);

  const frame = () => [...document.querySelectorAll("body > .skip-link, body > aside, body > header, body > footer")];

  window.inspection = {
    // The HTML around <main>, without what differs between requests.
    frame() {
      const html = frame().map((element) => element.outerHTML).join("");
      return document.getElementById("main") ? html.replace(/ (value|href)="[^"]*"/g, "") : "";
    },

    axe(options, withoutFrame) {
      const excluded = withoutFrame ? frame() : [];
      const elements = [...document.querySelectorAll("*")]
        .filter((element) => !excluded.some((part) => part.contains(element)))
        .map((element) => element.tagName + (element.checkVisibility({ visibilityProperty: true }) ? 1 : 0))
        .join();
      const rules = elements === checkedElements ? { runOnly: STYLE_RULES } : {};
      checkedElements = elements;
      return axe.run(withoutFrame ? { exclude: excluded } : document, { ...options, ...rules });
    },

    targets() {
      const problems = [];
      for (const element of document.querySelectorAll(TARGETS)) {
        if (hidden(element) || inSentence(element)) continue;
        let target = element;
        if (/^(radio|checkbox)$/.test(element.type) && element.labels?.length) target = element.labels[0];
        target.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
        const box = target.getBoundingClientRect();
        if (box.bottom < 0 || box.right < 0) continue; // the skip link, which is visible only with focus
        if (box.width >= TARGET_SIZE - 0.5 && box.height >= TARGET_SIZE - 0.5) continue;
        const [x, y, half] = [box.x + box.width / 2, box.y + box.height / 2, TARGET_SIZE / 2 - 1];
        const around = [[x - half, y], [x + half, y], [x, y - half], [x, y + half]];
        if (around.every(([px, py]) => reaches(element, px, py))) continue;
        problems.push(`${name(element)} is ${Math.round(box.width)} × ${Math.round(box.height)} px as a touch target`);
      }
      window.scrollTo({ top: 0, behavior: "instant" });
      return problems;
    },

    // Phones zoom in on inputs with smaller text.
    inputs() {
      return [...document.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea")]
        .filter((element) => shown(element) && parseFloat(getComputedStyle(element).fontSize) < 16)
        .map((element) => `${name(element)} has text smaller than 16 px`);
    },

    tooWide() {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      const beyond = [...document.body.querySelectorAll("*")].filter(
        (element) => shown(element) && element.getBoundingClientRect().right > width + 1,
      );
      return [`${document.documentElement.scrollWidth} px wide on a screen of ${width} px: ${beyond.slice(0, 3).map(name)}`];
    },

    // Text that is cut off by its box, which cannot be scrolled.
    cutOff() {
      return [...document.body.querySelectorAll("h1, h2, h3, p, a, button, label, dd, dt, span")]
        .filter((element) => {
          if (!shown(element) || element.closest(".visually-hidden")) return false;
          const style = getComputedStyle(element);
          const clips = style.overflowX === "hidden" || style.overflowX === "clip";
          return clips && element.scrollWidth > element.clientWidth + 1 && style.textOverflow !== "ellipsis";
        })
        .map((element) => `${name(element)} is cut off`);
    },

    // Sticky and fixed elements must cover at most half of the screen.
    stuck() {
      const covered = [...document.body.querySelectorAll("*")]
        .filter((element) => /^(sticky|fixed)$/.test(getComputedStyle(element).position) && shown(element))
        .filter((element) => !element.closest("[aria-modal]"))
        .map((element) => element.getBoundingClientRect())
        .filter((box) => box.bottom > 0 && box.top < innerHeight && box.width > innerWidth / 2)
        .reduce((sum, box) => sum + Math.min(box.bottom, innerHeight) - Math.max(box.top, 0), 0);
      return covered > innerHeight / 2 ? [`sticky elements cover ${Math.round(covered)} of ${innerHeight} px`] : [];
    },

    // The focused element: its position, whether it is visible and whether it shows its focus.
    focused() {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      if (element.tagName === "IFRAME") return null; // its focusable elements belong to its own page
      const label = /^(radio|checkbox)$/.test(element.type) ? element.labels?.[0] : null;
      const seen = label || element;
      const box = seen.getBoundingClientRect();
      const ring = (style) =>
        (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow.includes("0px 0px 0px 3px");
      const rings = [element, seen, seen.parentElement].some(
        (one) => ring(getComputedStyle(one)) || ring(getComputedStyle(one, "::after")),
      );
      // The lines of a link, whose middle is elsewhere if it is in two lines.
      const lines = [box, ...seen.getClientRects()].map((line) => [line.x + line.width / 2, line.y + line.height / 2]);
      const spots = [...lines, [box.x + 6, box.y + 6], [box.right - 6, box.bottom - 6]];
      const inFlow = !element.closest("[popover], dialog") && ![...ancestors(element)].some(
        (one) => /^(sticky|fixed)$/.test(getComputedStyle(one).position),
      );
      return {
        name: name(element),
        inFrame: frame().some((one) => one.contains(element)),
        key: [...document.querySelectorAll("*")].indexOf(element),
        top: box.top + scrollY,
        left: box.left,
        inFlow,
        visible: spots.some(([x, y]) => reaches(element, x, y) || seen.contains(document.elementFromPoint(x, y))),
        rings,
      };
    },
  };

  function* ancestors(element) {
    for (let one = element; one && one !== document.body; one = one.parentElement) yield one;
  }
})();
