// #code: filled in from the fragment of the message's link, which no server and no log sees. The
// person still reads the page and sends the form.
const input = document.getElementById("code");
const code = location.hash.slice(1);
if (input && /^[0-9a-z-]{8,12}$/i.test(code)) {
  input.value = code;
  history.replaceState(null, "", location.pathname + location.search);
}
