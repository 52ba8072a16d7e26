//! Entry points for fuzz targets; not part of the public API.

use std::mem::MaybeUninit;

use crate::http::{self, Chunked, MAX_FIELDS, Next};

/// Parses the head of a request. Returns its length, or `None` if more bytes are needed.
///
/// # Errors
///
/// Returns the status with which the request is refused.
pub fn parse_head(bytes: &[u8]) -> Result<Option<usize>, u16> {
    let mut slots = [const { MaybeUninit::uninit() }; MAX_FIELDS];
    match http::parse(bytes, &mut slots) {
        Ok(head) => Ok(head.map(|head| head.length)),
        Err(refusal) => Err(refusal.status()),
    }
}

/// Decodes a chunked body that arrives in pieces of `piece` bytes.
///
/// Returns it and the number of bytes it took, or `None` if more are needed. The result does not
/// depend on the size of the pieces.
///
/// # Errors
///
/// Returns the status with which the request is refused.
pub fn decode_chunked(bytes: &[u8], piece: usize) -> Result<Option<(Vec<u8>, usize)>, u16> {
    let (mut chunked, mut body, mut taken, mut arrived) = (Chunked::new(), Vec::new(), 0, 0);
    loop {
        let (framing, next) = chunked.advance(&bytes[taken..arrived]).map_err(|refusal| refusal.status())?;
        taken += framing;
        match next {
            Next::End => return Ok(Some((body, taken))),
            Next::Data(left) if arrived > taken => {
                let amount = usize::try_from(left).unwrap_or(usize::MAX).min(arrived - taken);
                body.extend_from_slice(&bytes[taken..taken + amount]);
                chunked.consume(amount as u64);
                taken += amount;
            }
            Next::Data(_) | Next::Unknown if arrived == bytes.len() => return Ok(None),
            Next::Data(_) | Next::Unknown => arrived = bytes.len().min(arrived + piece.max(1)),
        }
    }
}
