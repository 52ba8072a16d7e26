//! Pages of plain HTML.

use std::fmt;

use axum::response::Html;
use sessions_axum::{Error, sessions_core::Session};

use crate::flash::{self, Kind, Message};

/// A text that is written into a page, with its special characters escaped.
///
/// Every text that is not a literal of this program belongs into one.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Text<'a>(pub(crate) &'a str);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0;
        while let Some(at) = rest.find(['&', '<', '>', '"', '\'']) {
            let (before, special) = rest.split_at(at);
            f.write_str(before)?;
            f.write_str(match special.as_bytes()[0] {
                b'&' => "&amp;",
                b'<' => "&lt;",
                b'>' => "&gt;",
                b'"' => "&quot;",
                _ => "&#39;",
            })?;
            rest = &special[1..];
        }
        f.write_str(rest)
    }
}

/// Returns a page with the navigation that fits the visitor and the message left for them.
pub(crate) fn page(title: &str, session: &Session, body: &str) -> Result<Html<String>, Error> {
    let message = match flash::take(session)? {
        Some(Message { kind: Kind::Notice, text }) => {
            format!("<p class=\"notice\" role=\"status\">{}</p>", Text(&text))
        }
        Some(Message { kind: Kind::Problem, text }) => problem(&text),
        None => String::new(),
    };
    let navigation = if session.principal().is_some() { FOR_MEMBERS } else { FOR_STRANGERS };
    Ok(Html(document(title, navigation, &format!("{message}<h1>{}</h1>{body}", Text(title)))))
}

/// Returns a paragraph about what did not work.
pub(crate) fn problem(text: &str) -> String {
    format!("<p class=\"problem\" role=\"alert\">{}</p>", Text(text))
}

/// Returns a page that needs no session, which may be what failed.
pub(crate) fn bare_page(title: &str, explanation: &str) -> String {
    let body = format!("<h1>{}</h1><p>{}</p>", Text(title), Text(explanation));
    document(title, "<a href=\"/\">Home</a>", &body)
}

const FOR_MEMBERS: &str = "<a href=\"/\">Home</a> <a href=\"/account\">Account</a> <a href=\"/devices\">Devices</a> \
     <form method=\"post\" action=\"/logout\"><button>Sign out</button></form>";

const FOR_STRANGERS: &str = "<a href=\"/\">Home</a> <a href=\"/login\">Sign in</a> <a href=\"/sign-up\">Sign up</a>";

fn document(title: &str, navigation: &str, body: &str) -> String {
    format!(
        "<!doctype html>\n<html lang=\"en\">\n<meta charset=\"utf-8\">\n\
         <meta name=\"viewport\" content=\"width=device-width, initial-scale=1\">\n\
         <title>{} · Members</title>\n<link rel=\"stylesheet\" href=\"/style.css\">\n\
         <nav>{navigation}</nav>\n<main>{body}</main>\n</html>\n",
        Text(title)
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_cannot_leave_an_element_or_attribute() {
        let text = Text("<b title='a' class=\"b\">&amp;é</b>");
        let escaped = "&lt;b title=&#39;a&#39; class=&quot;b&quot;&gt;&amp;amp;é&lt;/b&gt;";
        assert_eq!(text.to_string(), escaped);
        assert_eq!(Text("").to_string(), "");
    }
}
