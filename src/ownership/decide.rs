//! The decision on a proof: a pure function of the claim, the live grants of the car, and time.

use jiff::civil::Date;
use jiff::tz::Offset;

use super::end_reason::EndReason;
use super::grant_row::{GrantRow, NEVER};
use super::holder::holder_at;
use super::limits::{DAY_MS, NOTICE_MS};
use crate::market::OwnershipMethod;
use crate::ports::Timestamp;

/// A claim whose proof is right, and what the systems state about it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Proven<'a> {
    /// The claimant.
    pub(super) person: &'a str,
    /// The method.
    pub(super) method: OwnershipMethod,
    /// The first day of the holder, as the proving system states it.
    pub(super) held_since: Option<Date>,
    /// The keeper of the registration now.
    pub(super) keeper: Option<&'a str>,
    /// The last time at which the registration named another keeper than the claimant's.
    pub(super) displaced_at: Option<Timestamp>,
    /// Days that a grant lasts.
    pub(super) grant_days: u32,
}

/// A grant of another person that opened personal values and counts no more.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct EarlierGrant {
    /// The time at which it stopped to count.
    pub(super) ended_at: Timestamp,
    /// Its keeper.
    pub(super) keeper: Option<String>,
}

impl EarlierGrant {
    /// A grant that counts no more from a time on; nothing where it never opened personal values.
    pub(super) fn of(grant: &GrantRow, time: Timestamp) -> Option<Self> {
        let ended_at = grant.ends_at_ms.min(time);
        grant.personal_from_ms.filter(|from| *from <= ended_at)?;
        Some(Self { ended_at, keeper: grant.known_keeper().map(str::to_owned) })
    }
}

/// The terms of a new grant.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Terms {
    pub(super) since: Date,
    pub(super) keeper: Option<String>,
    /// The keeper that the registration named first after an earlier proof, where none is known.
    pub(super) first_keeper: Option<String>,
    pub(super) effective_from: Timestamp,
    pub(super) personal_from: Option<Timestamp>,
    pub(super) ends_at: Timestamp,
}

/// A grant that ends, with the reason.
pub(super) type Ending<'g> = (&'g GrantRow, EndReason);

/// The decision on a proof.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Decision<'g> {
    /// A grant begins, now or after the holder's time to answer.
    Grant(Terms, Vec<Ending<'g>>),
    /// The claimant's own grant stays as it is.
    Keep(Vec<Ending<'g>>),
    /// Somebody else holds the car, and the method is too weak to change that.
    Contested,
}

/// Decides on a proof.
///
/// | method | against | result |
/// | --- | --- | --- |
/// | any | nobody | a grant |
/// | weak | another's live grant | contested |
/// | strong | weak grants of others | a grant; theirs end |
/// | strong | a strong grant of another | a grant that waits for the answer of its holder |
/// | strong | one that waits for a holder who is gone | a grant; the other ends |
/// | any | the claimant's own grant | a renewal, unless the method is weaker |
/// | strong | grants of others that wait behind the claimant's own | theirs end |
pub(super) fn decide<'g>(
    proven: &Proven<'_>,
    grants: &'g [GrantRow],
    earlier: &[EarlierGrant],
    now: Timestamp,
) -> Decision<'g> {
    let holder = holder_at(grants, now);
    let waiting = || grants.iter().filter(|grant| grant.is_waiting(now));
    let is_theirs = |grant: &&'g GrantRow| grant.person == proven.person;
    let (mine, other) = (holder.filter(is_theirs), holder.filter(|held| !is_theirs(held)));
    let mine_waiting = waiting().find(is_theirs);
    let others: Vec<&GrantRow> =
        other.into_iter().chain(waiting().filter(|grant| !is_theirs(grant))).collect();
    let is_strong = proven.method.is_strong();
    if !is_strong && mine.is_none() && !others.is_empty() {
        return Decision::Contested;
    }
    let answered = |from: Timestamp| {
        let later = waiting().filter(move |grant| grant.effective_from_ms > from);
        later
            .filter(|grant| is_strong && !is_theirs(grant))
            .map(|grant| (grant, EndReason::Contested))
    };
    match (mine, mine_waiting) {
        (Some(held), _) if held.method.is_strong() && !is_strong => {
            return Decision::Keep(Vec::new());
        }
        (None, Some(own)) if is_strong && !others.is_empty() && !own.awaits_notice() => {
            return Decision::Keep(answered(own.effective_from_ms).collect());
        }
        _ => {}
    }
    // Nobody waits for somebody who waits in vain: without a holder, nobody is left to be told.
    let is_waited_for =
        |grant: &&GrantRow| grant.method.is_strong() && (other.is_some() || !grant.awaits_notice());
    let must_wait = mine.is_none() && others.iter().any(is_waited_for);
    let mut endings = leftovers(grants, now);
    endings.extend(mine.map(|held| (held, EndReason::Renewed)));
    endings.extend(mine_waiting.filter(|_| is_strong).map(|own| (own, EndReason::Renewed)));
    if mine.is_some() {
        endings.extend(answered(Timestamp(i64::MIN)));
    } else if !must_wait {
        endings.extend(others.iter().map(|grant| (*grant, EndReason::Superseded)));
    }
    let terms = terms(proven, mine, &others, &endings, earlier, (must_wait, now));
    Decision::Grant(terms, endings)
}

/// Grants that no longer count and have not ended yet: those past their time, and those whose place
/// a later one has taken.
pub(super) fn leftovers(grants: &[GrantRow], now: Timestamp) -> Vec<Ending<'_>> {
    let holder = holder_at(grants, now);
    let is_over = |grant: &&GrantRow| {
        grant.ends_at_ms <= now || (grant.has_come(now) && holder != Some(*grant))
    };
    let reason = |grant: &GrantRow| {
        if grant.ends_at_ms <= now { EndReason::Expired } else { EndReason::Superseded }
    };
    grants.iter().filter(is_over).map(|grant| (grant, reason(grant))).collect()
}

fn terms(
    proven: &Proven<'_>,
    mine: Option<&GrantRow>,
    others: &[&GrantRow],
    endings: &[Ending<'_>],
    earlier: &[EarlierGrant],
    (must_wait, now): (bool, Timestamp),
) -> Terms {
    let ends_at = Timestamp(now.0.saturating_add(i64::from(proven.grant_days) * DAY_MS));
    // The time of a grant that waits begins once its holder was told (`notice_time`).
    let effective_from = if must_wait { ends_at } else { now };
    let earliest_end = if must_wait { now.plus_ms(NOTICE_MS) } else { now };
    // A grant that never opened personal values was no time of its person with the car: a
    // stranger's weak claim takes nothing from the holder's history.
    let before = |grant: &GrantRow| {
        let until = if others.contains(&grant) { earliest_end } else { now };
        EarlierGrant::of(grant, until)
    };
    let ended = endings.iter().map(|(grant, _)| *grant);
    let foreign = ended.chain(others.iter().copied()).filter(|grant| grant.person != proven.person);
    let held: Vec<EarlierGrant> =
        foreign.filter_map(before).chain(earlier.iter().cloned()).collect();
    let last_end = held.iter().map(|grant| grant.ended_at).max();
    // Whoever had the car before, not the last one alone: a register is slow.
    let is_of_another =
        |keeper: &str| held.iter().any(|grant| grant.keeper.as_deref() == Some(keeper));
    let keeper = proven.keeper.filter(|keeper| !is_of_another(keeper));
    let since = since(proven.held_since, last_end, now);
    let own = proven.method.is_strong().then_some(effective_from);
    let keeper = keeper.map(str::to_owned).or_else(|| mine.and_then(|held| held.keeper.clone()));
    let first_keeper = mine.filter(|_| keeper.is_none()).and_then(|held| held.first_keeper.clone());
    if is_displaced(proven, mine) {
        let since = NEVER;
        let (keeper, first_keeper, personal_from) = (None, None, None);
        return Terms { since, keeper, first_keeper, effective_from, personal_from, ends_at };
    }
    Terms {
        since: mine.map_or(since, |held| held.since.min(since)),
        keeper,
        first_keeper,
        effective_from,
        personal_from: earliest(mine.and_then(|held| held.personal_from_ms), own),
        ends_at,
    }
}

/// True if the registration has named somebody else since the claimant held the car: they may have
/// sold it, and the contact or code that still works opens nothing of the buyer's. A system that
/// states a later first day, or personal values that are open since, say otherwise.
fn is_displaced(proven: &Proven<'_>, mine: Option<&GrantRow>) -> bool {
    let Some(at) = proven.displaced_at else { return false };
    let is_open = |grant: &GrantRow| grant.personal_from_ms.is_some() && at < grant.verified_at_ms;
    !mine.is_some_and(is_open) && proven.held_since.is_none_or(|since| since <= day(at))
}

/// The first day of a holder: the one that the proving system states, never in the future, else the
/// day of the proof. Not before the day after another person's grant has ended: entries have a day
/// and no time.
fn since(stated: Option<Date>, last_end: Option<Timestamp>, now: Timestamp) -> Date {
    let today = day(now);
    let stated = stated.filter(|stated| *stated <= today).unwrap_or(today);
    match last_end.map(|end| day(Timestamp(end.0.saturating_add(DAY_MS)))) {
        Some(after) => stated.max(after),
        None => stated,
    }
}

/// The day of a time in UTC.
pub(super) fn day(time: Timestamp) -> Date {
    // OK because a clock and the ends of grants are within jiff's range; another time is the first
    // day that there is.
    let time = jiff::Timestamp::from_millisecond(time.0).unwrap_or(jiff::Timestamp::UNIX_EPOCH);
    Offset::UTC.to_datetime(time).date()
}

fn earliest(one: Option<Timestamp>, other: Option<Timestamp>) -> Option<Timestamp> {
    match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    }
}

#[cfg(test)]
mod tests {
    use jiff::civil::date;

    use super::super::fake;
    use super::*;

    const NOW: Timestamp = Timestamp(1_795_161_600_000); // 2026-11-20T08:00:00Z
    const STRONG: OwnershipMethod = OwnershipMethod::ContactCode;
    const WEAK: OwnershipMethod = OwnershipMethod::VehicleCode;

    /// A grant of a person by a method that counts since so many hours; a negative number waits.
    fn grant(person: &str, method: OwnershipMethod, hours: i64) -> GrantRow {
        let from = Timestamp(NOW.0 - hours * 3_600_000);
        GrantRow {
            id: format!("{person} {hours}"),
            person: person.into(),
            method,
            verified_at_ms: from,
            effective_from_ms: from,
            personal_from_ms: method.is_strong().then_some(from),
            ends_at_ms: Timestamp(NOW.0 + 100 * DAY_MS),
            ..fake::grant()
        }
    }

    fn ada(method: OwnershipMethod) -> Proven<'static> {
        Proven {
            person: "ada",
            method,
            held_since: Some(date(2026, 5, 1)),
            keeper: Some("new"),
            displaced_at: None,
            grant_days: 180,
        }
    }

    /// The decision in words: what begins after how many hours, and what ends for which reason.
    fn words(decision: &Decision<'_>) -> String {
        let (begins, endings) = match decision {
            Decision::Contested => return "contested".into(),
            Decision::Keep(endings) => ("keep".to_owned(), endings),
            Decision::Grant(terms, endings) => {
                let hours = |time: Timestamp| match (time.0 - NOW.0) / 3_600_000 {
                    4_320 => "told".to_owned(),
                    hours => hours.to_string(),
                };
                let personal = terms.personal_from.map_or_else(|| "none".to_owned(), hours);
                (format!("grant {} {personal}", hours(terms.effective_from)), endings)
            }
        };
        let ends = endings.iter().map(|(grant, why)| format!("; {} {}", grant.id, why.as_str()));
        begins + &ends.collect::<String>()
    }

    fn check(method: OwnershipMethod, grants: &[GrantRow], expect: &str) {
        let decision = decide(&ada(method), grants, &[], NOW);
        assert_eq!(words(&decision), expect, "{method:?} against {grants:?}");
    }

    #[test]
    fn ok_the_whole_table() {
        check(STRONG, &[], "grant 0 0");
        check(WEAK, &[], "grant 0 none");
        for other in [STRONG, WEAK] {
            check(WEAK, &[grant("eve", other, 1)], "contested");
        }
        check(WEAK, &[grant("eve", STRONG, -1)], "contested");
        check(STRONG, &[grant("eve", WEAK, 1)], "grant 0 0; eve 1 superseded");
        check(STRONG, &[grant("eve", STRONG, 1)], "grant told told");
        check(STRONG, &[grant("eve", STRONG, -1)], "grant told told");
        check(STRONG, &[grant("ada", STRONG, 1)], "grant 0 -1; ada 1 renewed");
        check(STRONG, &[grant("ada", WEAK, 1)], "grant 0 0; ada 1 renewed");
        check(WEAK, &[grant("ada", WEAK, 1)], "grant 0 none; ada 1 renewed");
        check(WEAK, &[grant("ada", STRONG, 1)], "keep");
        let contested = [grant("ada", STRONG, 9), grant("eve", STRONG, -1)];
        check(STRONG, &contested, "grant 0 -9; ada 9 renewed; eve -1 contested");
        check(WEAK, &contested, "keep");
        let both = [grant("bob", STRONG, 9), grant("ada", STRONG, -1), grant("eve", STRONG, -2)];
        check(STRONG, &both, "keep; eve -2 contested");
        check(WEAK, &both, "contested");
        let alone = [grant("ada", STRONG, -1)];
        check(STRONG, &alone, "grant 0 0; ada -1 renewed");
        check(WEAK, &alone, "grant 0 none");
        let untold = GrantRow {
            effective_from_ms: Timestamp(NOW.0 + 100 * DAY_MS),
            ..grant("ada", STRONG, -1)
        };
        let again = [grant("bob", STRONG, 9), untold, grant("eve", STRONG, -2)];
        check(STRONG, &again, "grant told told; ada -1 renewed");
        let old = [grant("eve", STRONG, 9), grant("ada", STRONG, 1)];
        check(STRONG, &old, "grant 0 -1; eve 9 superseded; ada 1 renewed");
        let over = GrantRow { ends_at_ms: NOW, ..grant("eve", STRONG, 9) };
        check(WEAK, &[over], "grant 0 none; eve 9 expired");
    }

    fn terms(proven: &Proven<'_>, grants: &[GrantRow], earlier: &[EarlierGrant]) -> Terms {
        match decide(proven, grants, earlier, NOW) {
            Decision::Grant(terms, _) => terms,
            decision => panic!("{decision:?}"),
        }
    }

    #[test]
    fn ok_the_first_day_is_the_stated_one_and_never_within_another_person_s_time() {
        let since = |stated, earlier: Option<i64>| {
            let earlier = earlier.map(|hours| EarlierGrant {
                ended_at: Timestamp(NOW.0 - hours * 3_600_000),
                keeper: None,
            });
            let proven = Proven { held_since: stated, ..ada(STRONG) };
            terms(&proven, &[], earlier.as_slice()).since
        };
        let today = date(2026, 11, 20);
        assert_eq!(since(Some(date(2026, 5, 1)), None), date(2026, 5, 1));
        assert_eq!(since(Some(date(2026, 11, 21)), None), today, "never in the future");
        assert_eq!(since(None, None), today);
        assert_eq!(since(Some(date(2026, 5, 1)), Some(48)), date(2026, 11, 19));
        assert_eq!(since(Some(date(2026, 11, 20)), Some(48)), today);
        assert_eq!(since(None, Some(1)), date(2026, 11, 21), "the day is another person's");
        let stranger = [grant("eve", WEAK, 1)];
        assert_eq!(terms(&ada(STRONG), &stranger, &[]).since, date(2026, 5, 1), "took nothing");
        let holder = [grant("eve", STRONG, 1)];
        let waits = terms(&ada(STRONG), &holder, &[]);
        assert_eq!(waits.since, date(2026, 11, 24), "the day after the holder's last one");
        let own = [GrantRow { since: date(2020, 1, 1), ..grant("ada", STRONG, 1) }];
        assert_eq!(terms(&ada(STRONG), &own, &[]).since, date(2020, 1, 1), "a renewal");
    }

    #[test]
    fn ok_the_keeper_of_another_person_is_not_the_holder_s() {
        let earlier =
            |keeper: &str| EarlierGrant { ended_at: Timestamp(0), keeper: Some(keeper.into()) };
        let keeper = |grants: &[GrantRow], earlier: &[EarlierGrant]| {
            terms(&ada(STRONG), grants, earlier).keeper
        };
        assert_eq!(keeper(&[], &[]).as_deref(), Some("new"));
        assert_eq!(keeper(&[], &[earlier("old")]).as_deref(), Some("new"));
        for earlier in [&[earlier("new")][..], &[earlier("old"), earlier("new"), earlier("old")]] {
            assert_eq!(keeper(&[], earlier), None, "not yet recorded");
        }
        let with = |method| GrantRow { keeper: Some("new".into()), ..grant("eve", method, 1) };
        assert_eq!(keeper(&[with(STRONG)], &[]), None);
        assert_eq!(keeper(&[with(WEAK)], &[]).as_deref(), Some("new"), "a stranger's claim");
        let own = [GrantRow { keeper: Some("old".into()), ..grant("ada", STRONG, 1) }];
        let unknown = Proven { keeper: None, ..ada(STRONG) };
        assert_eq!(terms(&unknown, &own, &[]).keeper.as_deref(), Some("old"), "a renewal");
    }
}
