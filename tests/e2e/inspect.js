// What a person with a thumb, a keyboard or a magnifier meets on a page, as questions whose answers are complaints.
(() => {
  const PRESSED = "a[href], button, input:not([type=hidden]), select, textarea, summary";
  const THUMB = 44;
  const shown = (element) => element.checkVisibility({ visibilityProperty: true, opacityProperty: true });
  const name = (element) => {
    const words = element.getAttribute("aria-label") || element.textContent || element.name || "";
    return `<${element.tagName.toLowerCase()}> "${words.trim().replace(/\s+/g, " ").slice(0, 40)}"`;
  };
  // What a press at this point reaches: the element, something in it, or the label that stands for it.
  const reaches = (element, x, y) => {
    const hit = document.elementFromPoint(x, y);
    if (!hit) return false;
    return element.contains(hit) || hit.closest("label")?.control === element;
  };
  // A link within a sentence is as tall as its line; everybody knows how to hit that.
  const inSentence = (element) =>
    getComputedStyle(element).display === "inline" &&
    element.parentElement.textContent.trim().length > element.textContent.trim().length;
  const hidden = (element) => element.closest(".visually-hidden, [inert]") || !shown(element);

  window.inspection = {
    targets() {
      const complaints = [];
      for (const element of document.querySelectorAll(PRESSED)) {
        if (hidden(element) || inSentence(element)) continue;
        let target = element;
        if (/^(radio|checkbox)$/.test(element.type) && element.labels?.length) target = element.labels[0];
        target.scrollIntoView({ block: "center", inline: "nearest", behavior: "instant" });
        const box = target.getBoundingClientRect();
        if (box.bottom < 0 || box.right < 0) continue; // the skip link, until it has the focus
        if (box.width >= THUMB - 0.5 && box.height >= THUMB - 0.5) continue;
        const [x, y, half] = [box.x + box.width / 2, box.y + box.height / 2, THUMB / 2 - 1];
        const around = [[x - half, y], [x + half, y], [x, y - half], [x, y + half]];
        if (around.every(([px, py]) => reaches(element, px, py))) continue;
        complaints.push(`${name(element)} is ${Math.round(box.width)} × ${Math.round(box.height)} px to a thumb`);
      }
      window.scrollTo({ top: 0, behavior: "instant" });
      return complaints;
    },

    // Smaller type in an input makes phones zoom in and stay there.
    inputs() {
      return [...document.querySelectorAll("input:not([type=hidden], [type=checkbox], [type=radio]), select, textarea")]
        .filter((element) => shown(element) && parseFloat(getComputedStyle(element).fontSize) < 16)
        .map((element) => `${name(element)} has type smaller than 16 px`);
    },

    tooWide() {
      const width = document.documentElement.clientWidth;
      if (document.documentElement.scrollWidth <= width) return [];
      const beyond = [...document.body.querySelectorAll("*")].filter(
        (element) => shown(element) && element.getBoundingClientRect().right > width + 1,
      );
      return [`${document.documentElement.scrollWidth} px wide on a screen of ${width} px: ${beyond.slice(0, 3).map(name)}`];
    },

    // Text that is cut off: its box hides what doesn't fit, and nobody can scroll it.
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

    // What sticks to the screen's edge must leave most of it to the page.
    stuck() {
      const covered = [...document.body.querySelectorAll("*")]
        .filter((element) => /^(sticky|fixed)$/.test(getComputedStyle(element).position) && shown(element))
        .filter((element) => !element.closest("[aria-modal]"))
        .map((element) => element.getBoundingClientRect())
        .filter((box) => box.bottom > 0 && box.top < innerHeight && box.width > innerWidth / 2)
        .reduce((sum, box) => sum + Math.min(box.bottom, innerHeight) - Math.max(box.top, 0), 0);
      return covered > innerHeight / 2 ? [`what sticks covers ${Math.round(covered)} of ${innerHeight} px`] : [];
    },

    // The element that Tab has just reached: can one see it, and that it is the one?
    focused() {
      const element = document.activeElement;
      if (!element || element === document.body) return null;
      if (element.tagName === "IFRAME") return null; // its stops are its own page's
      const label = /^(radio|checkbox)$/.test(element.type) ? element.labels?.[0] : null;
      const seen = label || element;
      const box = seen.getBoundingClientRect();
      const ring = (style) =>
        (style.outlineStyle !== "none" && parseFloat(style.outlineWidth) > 0) || style.boxShadow.includes("0px 0px 0px 3px");
      const rings = [element, seen, seen.parentElement].some(
        (one) => ring(getComputedStyle(one)) || ring(getComputedStyle(one, "::after")),
      );
      const spots = [[box.x + box.width / 2, box.y + box.height / 2], [box.x + 6, box.y + 6], [box.right - 6, box.bottom - 6]];
      const inFlow = !element.closest("[popover], dialog") && ![...ancestors(element)].some(
        (one) => /^(sticky|fixed)$/.test(getComputedStyle(one).position),
      );
      return {
        name: name(element),
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
