//! The body of a request, within its route's size and its request's deadline.

use super::problem::{Problem, Slug};
use super::request::{BodyError, Request};
use crate::ports::Ports;

/// Time limit of the body where no market's deadline is known, milliseconds.
pub(super) const MAX_BODY_MS: u32 = 5_000;

/// Reads a body.
///
/// # Errors
/// 413 above `limit` bytes, 400 if the body breaks off or is not there after `left_ms`.
pub(super) async fn read_body(
    request: &Request,
    ports: &Ports,
    limit: usize,
    left_ms: u32,
) -> Result<Vec<u8>, Problem> {
    let length = request.incoming.header("content-length");
    let length = length.and_then(|text| text.parse::<usize>().ok());
    let too_large =
        || Problem::with_detail(Slug::PayloadTooLarge, format!("At most {limit} bytes are read."));
    if length.is_some_and(|length| length > limit) {
        return Err(too_large());
    }
    let broken = |detail| Problem::with_detail(Slug::InvalidRequest, detail);
    match ports.within(left_ms, request.incoming.body(limit)).await {
        Some(Ok(body)) => Ok(body),
        Some(Err(BodyError::TooLarge { .. })) => Err(too_large()),
        Some(Err(BodyError::Broken)) => Err(broken("The request body broke off.")),
        None => Err(broken("The request body did not arrive in time.")),
    }
}
