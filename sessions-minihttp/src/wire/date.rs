//! The `Date` of responses.

use std::io::Write as _;
use std::time::{Duration, UNIX_EPOCH};

use httpdate::HttpDate;

/// Length of a date, as in `Sun, 06 Nov 1994 08:49:37 GMT`.
const LENGTH: usize = 29;

/// The text of the date that was asked for last.
#[derive(Default)]
pub(crate) struct Date {
    seconds: Option<u64>,
    text: [u8; LENGTH],
}

impl Date {
    /// Returns the date of so many seconds since 1970.
    pub(crate) fn at(&mut self, seconds: u64) -> &[u8] {
        if self.seconds != Some(seconds) {
            self.seconds = Some(seconds);
            let date = HttpDate::from(UNIX_EPOCH + Duration::from_secs(seconds));
            write!(&mut self.text[..], "{date}").expect("dates of HTTP have this length");
        }
        &self.text
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_those_of_http() {
        let mut date = Date::default();
        for _ in 0..2 {
            assert_eq!(date.at(784_111_777), b"Sun, 06 Nov 1994 08:49:37 GMT");
            assert_eq!(date.at(0), b"Thu, 01 Jan 1970 00:00:00 GMT");
        }
    }
}
