//! The text of `cargo xtask help` and of every command's `--help`.

/// What `cargo xtask help` prints.
pub const OVERVIEW: &str = "\
Kerbside's own commands

  cargo xtask dev             run the portal on this machine, with stand-ins for the legacy systems
  cargo xtask test [PART]     everything that CI runs, or one part of it
  cargo xtask build           build the Worker into build/
  cargo xtask size            sizes of the built Worker, held to the budget
  cargo xtask bench [NAME]    run the benchmarks of benches/
  cargo xtask fuzz [TARGET]   run the fuzz targets of fuzz/
  cargo xtask market …        check, publish, roll back and list market files
  cargo xtask report          what is looked at, out of which cache or system, how old, how quick
  cargo xtask cache …         purge, erase and inspect what a portal has stored
  cargo xtask keys …          make keys and tokens, rotate the sealing key
  cargo xtask audit verify    walk the chain of the audit
  cargo xtask help COMMAND    more about one of them

Needs Rust and Node; finds or installs everything else, once, under $KERBSIDE_CACHE
(else $XDG_CACHE_HOME/kerbside, else ~/.cache/kerbside).
";

const BUILD: &str = "\
cargo xtask build [--dev]

Builds the Worker with worker-build: build/index.js and build/index_bg.wasm. Does nothing where nothing has changed.

  --dev    without optimisation: quick to compile, large, never for deployment

KERBSIDE_WASM_TOOLCHAIN=debian builds with Debian's compiler even where rustup has the wasm target.
";

const DEV: &str = "\
cargo xtask dev [--port N] [--env eu|us] [--markets DIR] [--no-legacy] [--secrets FILE] [--state DIR]

Builds the Worker, starts stand-ins for the legacy systems, applies the D1 migrations, publishes the markets and starts
wrangler dev (real workerd, KV and D1 embedded). Prints `ready http://127.0.0.1:<port>` and a few VINs to try.
Ctrl-C or SIGTERM ends everything it started.

  --port N         listen on port N; 0 takes any free one (default: 8787, or any free one where that is taken)
  --env eu|us      serve one region only (default: all regions in one process)
  --markets DIR    market files to publish (default: markets)
  --no-legacy      start no stand-ins; markets keep the addresses in their files
  --secrets FILE   secrets as NAME=value lines; those it does not give are made at random
  --state DIR      keep KV, D1 and the made secrets there (default: a temporary folder, removed at the end)
";

const TEST: &str = "\
cargo xtask test [PART]

Runs everything that CI runs, or one part:

  fmt       formatting
  site      the pages' modules, apart from a browser
  clippy    lints, natively and for wasm32
  unit      cargo test --workspace: unit, API and architecture tests
  legacy    the stand-ins' own tests
  fuzz      each fuzz target for some seconds
  deny      licences, duplicates and sources of dependencies (deny.toml)
  build     the Worker, for deployment
  size      its size budget
  worker    end to end in real workerd, against the stand-ins
  browser   in Chromium

All parts run, in this order, whatever fails before; only what needs a build is left out where that failed. The last line
counts passed and failed parts, and any that failed makes the command fail.

The parts worker and browser, and benchmarks, find the stack that was started for them in these variables:

  KERBSIDE_URL       the portal
  KERBSIDE_CONTROL   the control server of the stand-ins (legacy/README.md)
  KERBSIDE_XTASK     this program, for tests that start a portal of their own
  KERBSIDE_STATE     the folder of everything that the stack keeps: KV and D1 (stores/), logs (logs/)
  KERBSIDE_LOG       the file of all that wrangler and the Worker print
  KERBSIDE_OPERATOR_TOKEN   the token of the operator `dev`
";

const BENCH: &str = "\
cargo xtask bench [NAME] [--soak]

Runs benches/NAME.mjs, or all of them, against the same stack as `cargo xtask dev`, prints a table and writes
target/bench.json. With --soak, `flow` sends 100 000 requests and says what became of the memory.
";

const FUZZ: &str = "\
cargo xtask fuzz [TARGET] [--seconds N]

Runs the fuzz target fuzz/fuzz_targets/TARGET.rs, or all of them, by cargo-fuzz. A finding ends with another status than 0;
its input is kept in fuzz/artifacts.

  --seconds N    how long each target runs (default: 60)
";

const MARKET: &str = "\
cargo xtask market check [FILES]
cargo xtask market publish --env eu|us [FILES] [--local --persist-to DIR]
cargo xtask market rollback --env eu|us CODE [--local --persist-to DIR]
cargo xtask market list [--env eu|us] [--local --persist-to DIR]

  check      reads every market file (default: markets/*.toml) and prints every error it finds
  publish    checks, then makes the files of that region live; every edge node has them within a minute
  rollback   makes the version before the current one live again
  list       the market files here; with --env, also the versions that are published there

  --local --persist-to DIR   the local store in DIR instead of the real one
";

const REPORT: &str = "\
cargo xtask report --state DIR [--env eu|us] [--market CODE] [--hours N] [--json]
cargo xtask report --remote --env eu|us [--market CODE] [--hours N] [--json]

Prints tables from a region's D1: the models most looked at, how each facet was answered (from the cache, stale, fetched,
not at all), how long origins took (p50, p95, p99) and how often they failed, how old what was served was, and what retention
removed last. Counts reach D1 some 20 seconds after they were made.

  --state DIR      the database of a local stack: the folder that `cargo xtask dev --state DIR` was given (also with --local)
  --remote         the real database; --env says of which region
  --env eu|us      the environment (default with --state: eu, where `dev` keeps all regions)
  --market CODE    one market only
  --hours N        so many hours back (default: 168, a week)
  --json           the same for machines

docs/ANALYSIS.md has SQL for other questions.
";

const CACHE: &str = "\
cargo xtask cache purge --market CODE --soft|--hard [--vin VIN] [--facet NAME] [--origin NAME] [--tag FIELD:VALUE] [--everything]
cargo xtask cache purges --market CODE
cargo xtask cache erase --vin VIN [--what vehicle|person] [--market CODE] [--report FILE]
cargo xtask cache inspect --market CODE --vin VIN

  purge      declares stored facets outdated: what all of the given options name, everywhere within 90 seconds
  purges     lists the purges that count now
  erase      removes everything about a car, or what tells of persons in its record, and prints the proof
  inspect    what D1 and KV hold about a car, without any of its values

  --url URL         the portal (default: the variable KERBSIDE_URL)
  --soft            served stale while it is fetched again
  --hard            never served again
  --tag FIELD:VALUE cars whose public identity says so: make:porsche, fuel:diesel, model_year:1996
  --everything      the whole market
  --vin -           reads the VIN from standard input, so that it is not in the shell's history
  --what person     only the facets that hold personal data, whole
  --reason TEXT     why; kept in the audit
  --report FILE     keeps the proof

The token of the operator comes from the variable KERBSIDE_OPERATOR_TOKEN. Every call is an entry in the audit.
";

const KEYS: &str = "\
cargo xtask keys new sealing|lookup|vehicle-ids|operator [--name NAME] [--number N]
cargo xtask keys rotate --env eu|us | --secrets FILE | --state DIR [--env eu|us]
cargo xtask keys status

  new       prints a new key, or an operator's token and its entry for OPERATOR_TOKENS
  rotate    makes the next SEALING_KEY_<number> and seals everything under it; interrupted, it goes on when it is run again
  status    the keys that the portal holds, the rows under each, and which keys may be removed

  --env eu|us      the secrets of a deployed environment, by wrangler
  --secrets FILE   the file that `cargo xtask dev --secrets` reads
  --state DIR      the folder that `cargo xtask dev --state` uses
  --url URL        the portal (default: the variable KERBSIDE_URL)
  --name NAME      whose token it is
  --number N       the number of the new key of vehicle ids (default: 1)

The token of the operator comes from the variable KERBSIDE_OPERATOR_TOKEN.
";

const AUDIT: &str = "\
cargo xtask audit verify [--url URL | --state DIR [--env eu|us] | --remote --env eu|us] [--head HASH]

Walks the chain of the audit and names the first entry that is missing, was changed or does not follow the one before.

  --url URL     by the operator routes of a portal (default: the variable KERBSIDE_URL)
  --remote      in D1 itself, that of a region, by wrangler
  --state DIR   in D1 itself, that of the folder that `cargo xtask dev --state DIR` was given
  --head HASH   a hash that was kept from an earlier check: the entry must still be there
";

const SIZE: &str = "\
cargo xtask size

Prints the sizes of the built Worker, plain and compressed, and fails where it is over the budget.
";

/// The text about one command, or the overview.
///
/// # Errors
/// Where there is no such command.
pub fn of(topic: Option<&str>) -> anyhow::Result<&'static str> {
    Ok(match topic {
        None | Some("help") => OVERVIEW,
        Some("build") => BUILD,
        Some("dev") => DEV,
        Some("test") => TEST,
        Some("bench") => BENCH,
        Some("fuzz") => FUZZ,
        Some("market") => MARKET,
        Some("report") => REPORT,
        Some("cache") => CACHE,
        Some("keys") => KEYS,
        Some("audit") => AUDIT,
        Some("size") => SIZE,
        Some(other) => {
            anyhow::bail!("there is no command \"{other}\"; `cargo xtask help` lists them")
        }
    })
}
