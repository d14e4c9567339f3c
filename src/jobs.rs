//! Scheduled work: retention, the outbox, the ends of claims and grants, and the chain of the
//! audit.
//!
//! Leaves to others: the triggers (`wrangler.toml`) and the event (`platform`).

pub mod audit_chain;
pub mod outbox;
pub mod ownership;
pub mod retention;

use crate::ports::{Ports, StoreError};

/// The trigger of the outbox, of ends and of the audit's chain: each minute.
pub const OUTBOX_CRON: &str = "* * * * *";

/// Runs the jobs of a trigger: the outbox, the ends of claims and grants and the audit's chain, and
/// retention unless it is the outbox's own trigger.
///
/// # Errors
/// [`StoreError`] of the first job that failed; the others run all the same.
pub async fn run(ports: &Ports, cron: &str) -> Result<(), StoreError> {
    let delivered = outbox::run(ports).await.map(drop);
    let ended = ownership::run(ports).await.map(drop);
    let linked = audit_chain::run(ports).await;
    let retained = match cron {
        OUTBOX_CRON => Ok(()),
        _ => retention::run(ports).await.map(drop),
    };
    delivered.and(ended).and(linked).and(retained)
}

/// One of each statement of this module, for the test that prepares all.
#[cfg(test)]
pub(crate) fn samples() -> Vec<crate::ports::Statement> {
    [outbox::samples(), retention::samples()].concat()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ports::fake::World;
    use crate::ports::sqlite;

    #[test]
    fn ok_each_trigger_runs_its_jobs() {
        let retained = |cron: &str| {
            let world = World::new();
            let _database = sqlite::install(&world);
            world.run(run(&world.ports(), cron)).expect("done");
            let statements = world.statements();
            let has = |name: &str| statements.iter().any(|statement| statement.name == name);
            assert!(has("outbox.claim") && has("audit_link.end"), "{cron}");
            has("job.save_retention")
        };
        let file = include_str!("../wrangler.toml");
        let crons = file.lines().find_map(|line| line.strip_prefix("crons = ")).expect("crons");
        let crons: Vec<String> = serde_json::from_str(crons).expect("a list");
        assert_eq!(crons.iter().map(|cron| retained(cron)).collect::<Vec<_>>(), [false, true]);
    }
}
