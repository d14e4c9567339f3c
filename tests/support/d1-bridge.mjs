// D1 over HTTP, for native tests (tests/support/d1.rs): a Worker with one database a path.
//
// `POST /<n>/new` applies the migrations to database n. `POST /<n>` runs a list of statements,
// `{ sql, params }`, as one batch; the response has the rows of each, or the error's text.
export default {
  async fetch(request, { MIGRATIONS, ...databases }) {
    const [, number, isNew] = new URL(request.url).pathname.split("/");
    const database = databases[`DB${number}`];
    const batches = isNew ? MIGRATIONS : [await request.json()];
    try {
      let results = [];
      for (const statements of batches)
        results = await database.batch(
          statements.map(({ sql, params }) => database.prepare(sql).bind(...params)),
        );
      return Response.json(results.map(({ results }) => results));
    } catch (error) {
      return new Response(error.message, { status: 409 });
    }
  },
};
