/** The pages of the identity provider: sign-in, sign-out, errors. They work without script. */
const STYLE = `
body { font: 1rem/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 26rem; padding: 0 1rem; }
label, select, input[type="password"], input[type="text"], button { display: block; font: inherit; }
select, input[type="password"], input[type="text"] { box-sizing: border-box; padding: 0.5rem; width: 100%; }
p.field { margin: 1rem 0; }
button { margin: 1rem 0; min-height: 2.75rem; padding: 0.5rem 1.5rem; }
label.choice { display: flex; gap: 0.5rem; }
.error { border-left: 0.25rem solid #b00020; padding-left: 0.75rem; }
`;
const ENTITIES = { "&": "&amp;", "<": "&lt;", ">": "&gt;", '"': "&quot;", "'": "&#39;" };

/** Escapes text for HTML. */
export function escapeHtml(text) {
  return String(text).replace(/[&<>"']/gu, (c) => ENTITIES[c]);
}

function page(title, body) {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${escapeHtml(title)}</title>
<style>${STYLE}</style>
</head>
<body>
<main>
<h1>${escapeHtml(title)}</h1>
${body}
</main>
</body>
</html>
`;
}

/**
 * The sign-in page. `strong` adds the second factor, which is simulated; `failed` is true after a
 * wrong password.
 */
export function signInPage({ market, people, client, strong, failed, login }) {
  const options = people.map((person) => {
    const selected = person.login === login ? " selected" : "";
    const text = `${person.name} (${person.login})`;
    return `<option value="${escapeHtml(person.login)}"${selected}>${escapeHtml(text)}</option>`;
  });
  const error = failed ? '<p class="error" role="alert">The password is wrong.</p>' : "";
  const factor = strong
    ? `<p class="field"><label class="choice"><input type="checkbox" name="second_factor"
 value="yes"> Confirm the second factor (simulated)</label></p>`
    : "";
  return page(
    `Sign in (${market}, test people)`,
    `${error}
<p>This is the identity provider for development. <b>${escapeHtml(client)}</b> asks who you are.</p>
<form method="post">
<p class="field"><label for="login">Person</label>
<select id="login" name="login">${options.join("")}</select></p>
<p class="field"><label for="password">Password</label>
<input id="password" name="password" type="password" autocomplete="off"></p>
${factor}
<button name="action" value="sign-in">Sign in</button>
<button name="action" value="cancel">Cancel</button>
</form>
<p>Passwords are printed by the program that started this provider.</p>`,
  );
}

/** The question before a sign-out. `form` is the provider's own form, without buttons. */
export function signOutPage(form) {
  return page(
    "Sign out",
    `<p>Do you want to sign out here as well?</p>
${form}
<button form="op.logoutForm" name="logout" value="yes">Yes, sign out</button>
<button form="op.logoutForm">No, stay signed in</button>`,
  );
}

/** The end of a sign-out without an address to return to. */
export function signedOutPage() {
  return page("Signed out", "<p>You are signed out.</p>");
}

/** An error that cannot be sent to the client. */
export function errorPage({ error, error_description: description }) {
  return page(
    "The request failed",
    `<p class="error"><code>${escapeHtml(error)}</code></p><p>${escapeHtml(description ?? "")}</p>`,
  );
}

/** The dealers' portal: the form for a claim code. */
export function attestationPage({ market = "de", code = "", failed = false }) {
  const error = failed
    ? '<p class="error" role="alert">Enter a market and the claim code.</p>'
    : "";
  return page(
    "Dealer portal",
    `${error}
<p>Check the customer's identity and registration document. Then enter the claim code that the
customer tells you. A second member of staff does the same within five minutes.</p>
<form method="post">
<p class="field"><label for="market">Market</label>
<input id="market" name="market" type="text" value="${escapeHtml(market)}"></p>
<p class="field"><label for="code">Claim code</label>
<input id="code" name="code" type="text" autocomplete="off" value="${escapeHtml(code)}"></p>
<button>Sign in and attest</button>
</form>`,
  );
}

/** Kerbside's answer to an attestation. */
export function attestedPage({ status, title = "", detail = "" }) {
  return page(
    status < 300 ? "Attested" : "Not attested",
    `<p>Kerbside answered <b>${escapeHtml(status)}</b>.</p>
<p>${escapeHtml(title)}</p><p>${escapeHtml(detail)}</p>
<p><a href="../portal">Another claim code</a></p>`,
  );
}
