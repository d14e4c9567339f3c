/**
 * Storage of one issuer, in the interface of npm `oidc-provider`: sessions, grants, codes. It lives
 * as long as the process, and outlives the provider, which a rotation of keys replaces.
 */
export class Storage {
  #entries = new Map();

  /** The adapter of one model (`Session`, `Grant`, …). */
  adapter(model) {
    const entries = this.#entries;
    const key = (id) => `${model}:${id}`;
    return {
      upsert: async (id, payload) => void entries.set(key(id), payload),
      find: async (id) => entries.get(key(id)),
      findByUid: async (uid) => this.all(model).find((payload) => payload.uid === uid),
      destroy: async (id) => void entries.delete(key(id)),
      consume: async (id) => {
        entries.get(key(id)).consumed = Math.floor(Date.now() / 1000);
      },
      revokeByGrantId: async (grant) => {
        for (const [one, payload] of entries) if (payload.grantId === grant) entries.delete(one);
      },
    };
  }

  /** All stored payloads of a model. */
  all(model) {
    const of = [...this.#entries].filter(([key]) => key.startsWith(`${model}:`));
    return of.map(([, payload]) => payload);
  }
}
