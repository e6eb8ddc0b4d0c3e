// Load a video from its provider when its button is pressed. Without JavaScript, the link opens it there.

for (const box of document.querySelectorAll("[data-video]")) {
  const link = box.querySelector("a");
  const button = document.createElement("button");
  button.type = "button";
  button.className = link.className;
  button.append(...link.childNodes);
  button.addEventListener("click", () => play(box, button));
  link.replaceWith(button);
}

function play(box, button) {
  const frame = document.createElement("iframe");
  frame.className = "video__frame";
  frame.title = box.dataset.title;
  frame.allow = "autoplay; encrypted-media; fullscreen; picture-in-picture";
  frame.referrerPolicy = "strict-origin-when-cross-origin"; // YouTube and private videos require the site's origin
  frame.src = box.dataset.video;
  button.replaceWith(frame);
  frame.focus();
}
