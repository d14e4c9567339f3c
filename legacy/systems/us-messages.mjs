/**
 * The American messaging service: REST and JSON with a key in a header. It answers 200 with an id,
 * and the same id to a repetition.
 */
import { header } from "../lib/http-auth.mjs";
import { json } from "../lib/json.mjs";
import { keepMessage, messages } from "../lib/ownership.mjs";

export const system = {
  name: "us.messages",
  host: "https://messaging.us.example.com",
  secret: "US_MESSAGES_KEY",
  secret_form: "the key",
  latency_ms: 50,
  checkHttp: header("X-Messaging-Key"),
  start: async () => ({ respond: async (request) => send(request) }),
};

function send({ method, url, body }) {
  if (url !== "/api/v3/send") return json(404, { error: { code: "NO_SUCH_ROUTE" } });
  if (method !== "POST")
    return json(405, { error: { code: "METHOD_NOT_ALLOWED" } }, { allow: "POST" });
  let order;
  try {
    order = JSON.parse(body.toString("utf8"));
  } catch {
    return json(400, { error: { code: "BAD_REQUEST" } });
  }
  const { id, template, recipient, variables = {} } = order;
  if (!id || !template || !recipient?.address)
    return json(422, { error: { code: "MISSING_FIELD" } });
  if (!messages.some((one) => one.market === "us" && one.key === id))
    keepMessage("us", {
      key: id,
      channel: recipient.type,
      to: recipient.address,
      kind: template,
      code: variables.code,
      link: variables.url,
      locale: recipient.locale,
    });
  return json(200, { id, state: "queued" });
}
