//! The beginning of a response.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

const BEGINNING: &[u8; 23] = b"HTTP/1.1 200 Ok\r\nDate: ";
const END: &[u8; 18] = b"\r\nContent-Length: ";

/// End of the status line, where the date header begins.
const DATE: usize = 15;
const DATE_END: usize = BEGINNING.len() + "Sun, 06 Nov 1994 08:49:37 GMT".len();

/// The beginning of most responses as text: the status line, the date, and `Content-Length` without
/// its value.
///
/// Only the date changes.
pub(crate) struct Preamble {
    seconds: Option<u64>,
    text: [u8; DATE_END + END.len()],
}

impl Preamble {
    pub(crate) fn new() -> Self {
        let mut text = [0; DATE_END + END.len()];
        text[..BEGINNING.len()].copy_from_slice(BEGINNING);
        text[DATE_END..].copy_from_slice(END);
        Self { seconds: None, text }
    }

    /// Sets the date, in seconds since 1970.
    pub(crate) fn set_date(&mut self, seconds: u64) {
        if self.seconds != Some(seconds) {
            self.seconds = Some(seconds);
            let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
            write!(&mut self.text[BEGINNING.len()..DATE_END], "{date}").expect("every HTTP date has this length");
        }
    }

    /// Returns all of it, up to where the length is written.
    pub(crate) const fn whole(&self) -> &[u8] {
        &self.text
    }

    /// Returns the part after the status line, with or without `Content-Length`.
    pub(crate) fn after_status(&self, has_length: bool) -> &[u8] {
        if has_length { &self.text[DATE..] } else { &self.text[DATE..DATE_END] }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn preamble_changes_only_its_date() {
        let mut preamble = Preamble::new();
        for _ in 0..2 {
            for (seconds, date) in
                [(784_111_777, "Sun, 06 Nov 1994 08:49:37 GMT"), (0, "Thu, 01 Jan 1970 00:00:00 GMT")]
            {
                preamble.set_date(seconds);
                let whole = format!("HTTP/1.1 200 Ok\r\nDate: {date}\r\nContent-Length: ");
                assert_eq!(preamble.whole(), whole.as_bytes());
                assert_eq!(preamble.after_status(true), &whole.as_bytes()[15..]);
                assert_eq!(preamble.after_status(false), format!("\r\nDate: {date}").as_bytes());
            }
        }
    }
}
