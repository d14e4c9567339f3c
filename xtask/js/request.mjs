// One HTTP request for an operator's command: { url, method, token, body } as JSON on standard
// input, { status, text } on standard output. The token comes this way because arguments are seen
// by everybody on the machine.
import { text } from "node:stream/consumers";

const { url, method, token, body } = JSON.parse(await text(process.stdin));
const headers = { authorization: `Bearer ${token}`, accept: "application/json", ...(body === null ? {} : { "content-type": "application/json" }) };
try {
  // A redirect would take the token elsewhere.
  const answer = await fetch(url, { method, headers, body: body === null ? undefined : JSON.stringify(body), redirect: "manual", signal: AbortSignal.timeout(60_000) });
  console.log(JSON.stringify({ status: answer.status, text: await answer.text() }));
} catch (error) {
  console.log(JSON.stringify({ status: 0, text: error.cause?.message ?? error.message }));
}
