/**
 * Processor time of two Workers in alternating blocks, so that disturbances of the machine meet
 * both.
 */
const pause = (ms) => new Promise((go) => setTimeout(go, ms));

/** Does `work` for each item, `together` at a time. */
export async function each(items, together, work) {
  const left = items.values();
  await Promise.all(
    Array.from({ length: together }, async () => {
      for (const item of left) await work(item);
    }),
  );
}

/**
 * Measures in a world: `together` requests at a time, `block` requests to one Worker before the
 * other takes over.
 */
export function measure(world, { together, block }) {
  /**
   * Measures the processor time of a piece of `work` in milliseconds, and counts the operations on
   * the stores.
   */
  async function measured(items, work, settleMs = 20) {
    await world.tell({ reset: true });
    const before = world.cpuMs();
    await each(items, together, work);
    // Work after the responses is part of their cost.
    await pause(settleMs);
    const cpu = (world.cpuMs() - before) / items.length;
    return { cpu, ...(await world.tell({ reset: true })) };
  }

  /**
   * Measures the processor time per request of both Workers, with alternating order. `pairs` holds
   * both figures of each block, `requested` the operations of Kerbside.
   */
  async function alternate(items, work) {
    const pairs = [];
    const requested = {};
    for (let from = 0; from < items.length; from += block) {
      const some = items.slice(from, from + block);
      const pair = {};
      for (const which of pairs.length % 2 === 0 ? ["plain", "kerbside"] : ["kerbside", "plain"]) {
        const { cpu, operations } = await measured(some, (one) => work(which, one));
        pair[which] = cpu;
        if (which === "kerbside")
          for (const [name, times] of Object.entries(operations))
            requested[name] = (requested[name] ?? 0) + times;
      }
      pairs.push(pair);
    }
    const mean = (which) => pairs.reduce((sum, pair) => sum + pair[which], 0) / pairs.length;
    return { plain: mean("plain"), kerbside: mean("kerbside"), pairs, requested };
  }

  return { measured, alternate };
}
