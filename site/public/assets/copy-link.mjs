// .copy-link: appears where a link can be copied. The link is the page's own, without query or
// fragment.
const announcements = document.getElementById("announcements");

async function copy(button) {
  try {
    await navigator.clipboard.writeText(location.origin + location.pathname);
    announcements.textContent = button.dataset.done;
  } catch {
    announcements.textContent = button.dataset.failed;
  }
}

for (const button of document.querySelectorAll("button.copy-link")) {
  if (!navigator.clipboard || !announcements) continue;
  button.hidden = false;
  button.addEventListener("click", () => copy(button));
}
