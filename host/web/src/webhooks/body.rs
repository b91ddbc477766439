//! The body of a request that was admitted, whole, or why it is not.

use std::time::Duration;

use bytes::{Bytes, BytesMut};
use http_body_util::BodyExt;
use hyper::body::{Body, Incoming};
use tokio::time::{Instant, timeout_at};

use super::Bounds;
use super::counts::Refused;

/// Reads at most so many bytes, and no longer than there is time. What is said of the length is not believed: it
/// only refuses earlier.
pub(super) async fn read(mut body: Incoming, most: usize, bounds: &Bounds) -> Result<Bytes, Refused> {
    if body.size_hint().lower() > most as u64 {
        return Err(Refused::TooLarge);
    }
    let end = Instant::now() + bounds.body;
    let mut read = BytesMut::new();
    loop {
        let frame = match next(&mut body, bounds.stall, end).await? {
            None => return Ok(read.freeze()),
            Some(frame) => frame,
        };
        if read.len() + frame.len() > most {
            return Err(Refused::TooLarge);
        }
        read.extend_from_slice(&frame);
    }
}

/// The next bytes, if any are left.
async fn next(body: &mut Incoming, stall: Duration, end: Instant) -> Result<Option<Bytes>, Refused> {
    // Trailers are for nobody; a body may end with any number of them in the time that is left.
    let until = end.min(Instant::now() + stall);
    loop {
        match timeout_at(until, body.frame()).await {
            Err(_late) => return Err(Refused::TooSlow),
            Ok(None) => return Ok(None),
            Ok(Some(Err(_broke_off))) => return Err(Refused::Broken),
            Ok(Some(Ok(frame))) => {
                if let Ok(bytes) = frame.into_data() {
                    return Ok(Some(bytes));
                }
            }
        }
    }
}
