//! The routes of sign-in: to the market's identity provider and back, sign-out, and the provider's
//! back-channel log-out.
//!
//! Own: cookies, redirects and pages. Leaves to others: tokens and sessions (`auth`), and the look
//! of the pages (`pages`). Every response is `no-store` and sends no `Referer`, because addresses
//! here hold codes. A redirect is a 303; none follows a form to the provider, because Chromium
//! holds every hop against `form-action`.

mod backchannel;
mod callback;
mod cookies;
mod market;
mod respond;
mod sign_in;
mod sign_out;

pub(super) use backchannel::backchannel_logout;
pub(super) use callback::callback;
pub(super) use sign_in::sign_in;
pub(super) use sign_out::{sign_out, sign_out_again, signed_out};
