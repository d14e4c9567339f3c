//! The legacy systems of one car as the machine asks them, when its rules allow it.

use futures::FutureExt as _;
use futures::future::LocalBoxFuture;

use super::contact::ContactOnRecord;
use super::document::DocumentData;
use super::systems::{
    self, Confirmation, SystemError, check_document, check_primary_user, show_code_in_car,
};
use crate::auth::Subject;
use crate::disclosure::KeeperHash;
use crate::market::Market;
use crate::origin::TokenCache;
use crate::ports::Ports;
use crate::vehicle::Vin;

/// The systems of one car.
pub trait Systems {
    /// The contact on record.
    ///
    /// # Errors
    /// [`SystemError`].
    fn contact_on_record(&self)
    -> LocalBoxFuture<'_, Result<Option<ContactOnRecord>, SystemError>>;
    /// The contact that a code may go to, where the market has a system of its own for it.
    ///
    /// # Errors
    /// [`SystemError`].
    fn contact_for_code(&self) -> LocalBoxFuture<'_, Result<Option<ContactOnRecord>, SystemError>> {
        self.contact_on_record()
    }
    /// Has a code shown in the car. Nothing tells the claimant of the outcome.
    fn show_code(&self, code: String) -> LocalBoxFuture<'_, ()>;
    /// The authority's word on the document that the claimant typed.
    ///
    /// # Errors
    /// [`SystemError`].
    fn check_document(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>>;
    /// The maker's word on the claimant.
    ///
    /// # Errors
    /// [`SystemError`].
    fn check_primary_user(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>>;
    /// The keeper of the registration now; `None` where it is not known.
    fn keeper(&self) -> LocalBoxFuture<'_, Option<KeeperHash>>;
}

/// The keeper of a car's registration, as the flow finds it.
pub type KeeperSource<'a> = Box<dyn Fn() -> LocalBoxFuture<'a, Option<KeeperHash>> + 'a>;

/// The systems that a market names.
pub struct MarketSystems<'a> {
    /// The ports.
    pub ports: &'a Ports,
    /// The tokens of origins.
    pub tokens: &'a TokenCache,
    /// The market.
    pub market: &'a Market,
    /// The car.
    pub vin: Vin,
    /// The claimant; `None` where somebody else acts.
    pub person: Option<&'a Subject>,
    /// The document that the claimant typed.
    pub document: Option<DocumentData>,
    /// The keeper of the registration.
    pub keeper: KeeperSource<'a>,
}

impl Systems for MarketSystems<'_> {
    fn contact_on_record(
        &self,
    ) -> LocalBoxFuture<'_, Result<Option<ContactOnRecord>, SystemError>> {
        systems::contact_on_record(self.ports, self.tokens, self.market, &self.vin).boxed_local()
    }

    fn contact_for_code(&self) -> LocalBoxFuture<'_, Result<Option<ContactOnRecord>, SystemError>> {
        systems::contact_for_code(self.ports, self.tokens, self.market, &self.vin).boxed_local()
    }

    fn show_code(&self, code: String) -> LocalBoxFuture<'_, ()> {
        async move {
            // OK because a failure has been reported, and the claimant gets the same answer.
            let _ = show_code_in_car(self.ports, self.tokens, self.market, &self.vin, &code).await;
        }
        .boxed_local()
    }

    fn check_document(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>> {
        async move {
            let document = self.document.as_ref().ok_or(SystemError::NotDescribed)?;
            check_document(self.ports, self.tokens, self.market, &self.vin, document).await
        }
        .boxed_local()
    }

    fn check_primary_user(&self) -> LocalBoxFuture<'_, Result<Confirmation, SystemError>> {
        async move {
            let person = self.person.ok_or(SystemError::NotDescribed)?;
            check_primary_user(self.ports, self.tokens, self.market, &self.vin, person).await
        }
        .boxed_local()
    }

    fn keeper(&self) -> LocalBoxFuture<'_, Option<KeeperHash>> {
        (self.keeper)()
    }
}
