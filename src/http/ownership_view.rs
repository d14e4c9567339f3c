//! From the status of a claim or grant to the views of its pages: times in the market's locale,
//! addresses that keep the language.

use super::claim::ClaimRequest;
use super::context::Context;
use super::owner_part::ownership_path;
use super::page::{locale, market_frame};
use super::problem::Problem;
use super::sign_in_state::SignInState;
use super::step_up::is_fresh;
use crate::audit::VehicleAct;
use crate::market::{DocumentField, Market, OwnershipMethod};
use crate::ownership::{
    ClaimState, ClaimStatus, ContestStatus, EndedGrant, GrantStatus, OwnershipState,
    OwnershipStatus,
};
use crate::pages::{
    ActView, AsOf, CarView, ClaimFault, ContactField, DealerView, DocumentFieldView, EndedView,
    Frame, HeldView, HolderNotice, MethodView, NoticeTime, OwnershipView, PersonalPart,
    ProofFields, ProofForm, StartForm, step_up_address,
};
use crate::ports::Timestamp;

/// The views of one car's ownership.
pub(super) struct OwnershipViews<'c> {
    context: &'c Context<'c>,
    market: &'c Market,
    id: &'c str,
    frame: Frame,
    locale: String,
    /// The path of the car's page of ownership.
    path: String,
}

impl<'c> OwnershipViews<'c> {
    /// The views of the page at `rest` of the car's page of ownership: `/end`.
    pub(super) fn new(
        context: &'c Context<'c>,
        market: &'c Market,
        id: &'c str,
        rest: &str,
    ) -> Self {
        let frame = market_frame(context, market, &format!("vehicles/{id}/ownership{rest}"));
        let locale = locale(market, frame.t.language);
        Self { context, market, id, frame, locale, path: ownership_path(market, id) }
    }

    /// The visitor's request, for which messages are in the language of the page.
    ///
    /// # Errors
    /// Those of [`ClaimRequest::read`].
    pub(super) async fn request(&self) -> Result<ClaimRequest<'c>, Problem> {
        let market = self.market.code.as_str();
        ClaimRequest::read(self.context, market, self.id, Some(&self.locale)).await
    }

    /// The car's page of ownership.
    pub(super) fn overview_href(&self) -> String {
        self.frame.href(&self.path)
    }

    /// The page that gives the car up.
    pub(super) fn end_href(&self) -> String {
        self.frame.href(&format!("{}/end", self.path))
    }

    /// The page without parts.
    pub(super) fn page(&self, name: Option<String>) -> OwnershipView {
        let href = self.frame.href(&format!("/{}/vehicles/{}", self.market.code, self.id));
        OwnershipView::new(self.frame.clone(), CarView { href, name }, self.overview_href())
    }

    /// The page of a status.
    pub(super) fn overview(&self, name: Option<String>, status: &OwnershipStatus) -> OwnershipView {
        let open = status.claim.as_ref().filter(|claim| claim.state == ClaimState::Challenged);
        let is_dealers = |claim: &&ClaimStatus| claim.method == OwnershipMethod::Dealer;
        let is_failed =
            status.claim.as_ref().is_some_and(|claim| claim.state == ClaimState::Failed);
        let methods = status.methods.iter().map(|method| self.method(*method)).collect();
        let waiting = status.grant.filter(|_| status.state != OwnershipState::Verified);
        OwnershipView {
            proof: open.filter(|claim| !is_dealers(claim)).map(|claim| self.proof(claim)),
            dealer: open.filter(is_dealers).map(|claim| self.dealer(claim)),
            waiting: waiting.map(|grant| {
                if status.waits_in_vain { NoticeTime::Again } else { self.waiting_time(&grant) }
            }),
            is_contested: status.state == OwnershipState::Contested && waiting.is_none(),
            held: self.held(status),
            ended: status.ended.as_ref().map(|ended| self.ended(ended)),
            // A second strong proof adds nothing to one that waits for its time. Of one that waits
            // for a notice, another notice is sent.
            methods: waiting
                .is_none_or(|grant| status.waits_in_vain || grant.effective_from.is_none())
                .then_some(methods),
            fault: is_failed.then_some(ClaimFault::Failed),
            ..self.page(name)
        }
    }

    /// The form that starts a claim. `entered` is the contact that was sent before.
    pub(super) fn start(
        &self,
        method: OwnershipMethod,
        entered: &str,
        is_phone: bool,
    ) -> StartForm {
        let view = self.method(method);
        let contact = (method == OwnershipMethod::ContactCode).then(|| ContactField {
            is_phone,
            entered: entered.to_owned(),
            other_href: if is_phone {
                view.href.clone()
            } else {
                with_query(&view.href, "by=phone")
            },
        });
        let here = if is_phone { with_query(&view.href, "by=phone") } else { view.href.clone() };
        StartForm { method: view, contact, step_up: self.step_up(&here) }
    }

    fn proof(&self, claim: &ClaimStatus) -> ProofForm {
        ProofForm {
            method: self.method(claim.method),
            action: self.frame.href(&format!("{}/{}/proof", self.path, claim.id)),
            until: self.instant(claim.expires_at),
            attempts_left: claim.attempts_left,
            fields: match claim.method {
                OwnershipMethod::KeeperDocument => ProofFields::Document(self.document_fields()),
                _ => ProofFields::Code,
            },
            step_up: self.step_up(&self.overview_href()),
        }
    }

    fn document_fields(&self) -> Vec<DocumentFieldView> {
        let field = |field: &DocumentField| DocumentFieldView {
            name: field.as_str(),
            is_date: field.is_date(),
            entered: String::new(),
        };
        document_fields(self.market).iter().map(field).collect()
    }

    fn dealer(&self, claim: &ClaimStatus) -> DealerView {
        let method = self.method(claim.method);
        DealerView {
            code: claim.code.as_ref().map(crate::ownership::Code::grouped),
            claim: claim.id.clone(),
            // OK because a claim of this method states them.
            confirmations: claim.confirmations.unwrap_or_default(),
            check: method.href.clone(),
            until: self.instant(claim.expires_at),
            status_href: format!("/api/v1{}", self.path),
            restart_href: method.href,
        }
    }

    fn held(&self, status: &OwnershipStatus) -> Option<HeldView> {
        let grant = status.grant.filter(|_| status.state == OwnershipState::Verified)?;
        Some(HeldView {
            method: self.method(grant.method),
            verified: self.instant(grant.verified_at),
            until: self.instant(grant.expires_at),
            personal: self.personal(&grant),
            contested_until: self.contested_until(status),
            end_href: self.end_href(),
        })
    }

    /// The end of the grant that the visitor had.
    pub(super) fn ended(&self, ended: &EndedGrant) -> EndedView {
        let text = self.frame.t.named("end-reason-", ended.reason.as_str());
        EndedView {
            at: self.instant(ended.ended_at),
            // OK because a test holds a text for each reason in each language.
            text: text.unwrap_or_default(),
            statement: ended.statement.clone(),
        }
    }

    /// The holder's grant, for the head of the record. Nothing is said of a status that cannot be
    /// read now.
    pub(super) fn notice(&self, status: Option<&OwnershipStatus>) -> HolderNotice {
        let grant = status.and_then(|status| status.grant);
        HolderNotice {
            until: grant.map(|grant| self.instant(grant.expires_at)),
            personal: grant.map_or(PersonalPart::Open, |grant| self.personal(&grant)),
            contested_until: status.and_then(|status| self.contested_until(status)),
            href: self.overview_href(),
        }
    }

    fn contested_until(&self, status: &OwnershipStatus) -> Option<NoticeTime> {
        status.contested_by.map(|contest| self.contest_time(contest))
    }

    /// The time from which another person's proof counts that waits.
    pub(super) fn contest_time(&self, contest: ContestStatus) -> NoticeTime {
        self.notice_time(contest.decides_at)
    }

    /// The time from which the visitor's own proof counts that waits.
    pub(super) fn waiting_time(&self, grant: &GrantStatus) -> NoticeTime {
        match grant.effective_from {
            None if !grant.awaits_notice => NoticeTime::Never,
            time => self.notice_time(time),
        }
    }

    fn notice_time(&self, time: Option<Timestamp>) -> NoticeTime {
        time.map_or(NoticeTime::AfterNotice, |time| NoticeTime::At(self.instant(time).text))
    }

    /// The holder's personal data under a grant.
    pub(super) fn personal(&self, grant: &GrantStatus) -> PersonalPart {
        match grant.personal_from {
            None if grant.awaits_notice => PersonalPart::AfterNotice,
            None => PersonalPart::Never,
            Some(from) if from <= self.context.ports.clock.now() => PersonalPart::Open,
            Some(from) => PersonalPart::From(self.instant(from).text),
        }
    }

    /// The acts of others.
    pub(super) fn acts(&self, acts: &[VehicleAct]) -> Vec<ActView> {
        let t = self.frame.t;
        let view = |act: &VehicleAct| {
            let is_operators = act.actor_kind == "operator";
            let precise = act.to_state.as_ref().map(|state| format!("{}-{state}", act.action));
            let text = precise.and_then(|name| t.named("act-", &name));
            let text = text.or_else(|| t.named("act-", &act.action));
            ActView {
                at: self.instant(act.at_ms),
                text: text.unwrap_or_else(|| t.acts_other()).to_owned(),
                // Others' reasons are words of the code; an operator's are sentences.
                reason: act.reason.clone().filter(|_| is_operators),
            }
        };
        acts.iter().map(view).collect()
    }

    fn method(&self, method: OwnershipMethod) -> MethodView {
        let href = self.frame.href(&format!("{}/{}", self.path, method.as_str()));
        MethodView { word: method.as_str(), is_strong: method.is_strong(), href }
    }

    /// The address that signs in once more and comes back, where the sign-in is not fresh.
    pub(super) fn step_up(&self, return_to: &str) -> Option<String> {
        let SignInState::Active(session) = self.context.sign_in() else { return None };
        let is_fresh = is_fresh(self.context, self.market, &session.identity);
        (!is_fresh).then(|| step_up_address(self.market.code.as_str(), return_to))
    }

    /// A time for machines and for people.
    pub(super) fn instant(&self, at: Timestamp) -> AsOf {
        let iso = at.to_string();
        let zone = self.market.time_zone.as_str();
        AsOf { text: self.context.ports.format.instant(&self.locale, zone, &iso), iso }
    }

    /// A time that is so many seconds away, in words.
    pub(super) fn in_seconds(&self, seconds: u32) -> String {
        let now = self.context.ports.clock.now();
        self.instant(Timestamp(now.0.saturating_add(i64::from(seconds) * 1_000))).text
    }
}

/// The fields of the market's registration document.
pub(super) fn document_fields(market: &Market) -> &[DocumentField] {
    let document = market.ownership.as_ref();
    let document = document.and_then(|ownership| ownership.methods.keeper_document.as_ref());
    document.map_or(&[], |document| &document.fields)
}

/// An address with one more parameter.
pub(super) fn with_query(address: &str, pair: &str) -> String {
    let separator = if address.contains('?') { '&' } else { '?' };
    format!("{address}{separator}{pair}")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::ownership::EndReason;
    use crate::pages::Language;

    #[test]
    fn ok_each_end_has_its_words_in_each_language() {
        let told = EndReason::ALL.into_iter().filter(|reason| *reason != EndReason::Renewed);
        for (reason, language) in told.flat_map(|reason| Language::ALL.map(|one| (reason, one))) {
            let frame = Frame::new(language, "/de/garage");
            assert!(frame.t.named("end-reason-", reason.as_str()).is_some(), "{reason:?}");
        }
    }
}
