/** The Worker's own code: `cargo xtask bench origin` compiles this folder's crate. */
import { Job, initSync } from "module.js";
import module from "module_bg.wasm";

initSync({ module });
const jobs = new Map();

export default {
  async fetch(request) {
    const asked = new URL(request.url).searchParams;
    if (request.method !== "POST") return new Response("ready");
    const body = new Uint8Array(await request.arrayBuffer());
    const [name, contentType] = [asked.get("case"), asked.get("contentType")];
    if (!jobs.has(name)) jobs.set(name, new Job(asked.get("market"), asked.get("vin")));
    const job = jobs.get(name);
    const times = Number(asked.get("jobs"));
    if (times === 0) return new Response(job.facet(contentType, body));
    let elements = 0;
    for (let time = 0; time < times; time += 1) elements += job.run(contentType, body);
    return Response.json({ elements });
  },
};
