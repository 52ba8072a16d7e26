//! The page: forms, and the session's state beside them.

use std::fmt::{self, Display, Write as _};

use serde_json::Value as Json;
use sessions_core::{Error, Session, SessionId, Timestamp, Value, local_path};

use super::devices::{self, DEVICE, Device};
use super::{Reply, Request};

/// The page, with comments such as `<!--state-->` in place of what differs between visitors.
const PAGE: &str = include_str!("../index.html");

/// Shows the page. The flashes on it are consumed, so they are shown once.
pub(super) async fn show(request: Request<'_>, session: &Session) -> Result<Reply, Error> {
    let next = request.parameter("next").unwrap_or_default();
    let next = local_path(&next).unwrap_or("/");
    let hidden = if session.principal().is_none() { " hidden" } else { "" };
    // Nothing of a visitor's looks like a comment, since `<` is escaped in it.
    let page = PAGE
        .replace("<!--next-->", &Text(next).to_string())
        .replace("<!--reason-->", &reason(session, next))
        .replace("<!--hidden-->", hidden)
        .replace("<!--visits-->", &session.lenient("visits").i64().unwrap_or_default().to_string())
        .replace("<!--flashes-->", &flashes(session)?)
        .replace("<!--state-->", &state(session))
        .replace("<!--entries-->", &entries(session)?)
        .replace("<!--devices-->", &list(&devices::of(session).await?));
    Ok(Reply::html(page))
}

/// Returns why a gate sent the visitor here, if one did.
fn reason(session: &Session, next: &str) -> String {
    match (session.principal(), next) {
        (_, "/") => String::new(),
        (None, next) => format!("<p><strong>To see {}, sign in.</strong></p>", Text(next)),
        (Some(_), next) => format!("<p><strong>To see {}, confirm that it is you.</strong></p>", Text(next)),
    }
}

/// Returns each flash as a paragraph that screen readers announce.
fn flashes(session: &Session) -> Result<String, Error> {
    let mut html = String::new();
    for value in session.flashes().values() {
        push(&mut html, format_args!("<p role=\"status\">{}</p>\n", Text(&shown(value)?)));
    }
    Ok(html)
}

/// Returns who is signed in and for how long, as rows of a table.
fn state(session: &Session) -> String {
    let mut html = String::new();
    let mut row = |name: &str, value: &dyn Display| {
        push(&mut html, format_args!("<tr><th scope=\"row\">{name}</th><td>{value}</td></tr>\n"));
    };
    match session.principal() {
        Some(user) => row("Signed in as", &Text(&user)),
        None => row("Signed in as", &"nobody"),
    }
    match session.id() {
        Some(id) => row("Session", &id),
        None => row("Session", &"none yet, and no cookie: nothing was stored"),
    }
    if let Some(time) = session.signed_in_at() {
        row("Signed in at", &Time(time));
    }
    match session.expires_at() {
        Some(time) => row("Ends at", &Time(time)),
        None if session.is_new() => {}
        None => row("Ends at", &"no time"),
    }
    html
}

/// Returns the entries as rows of a table.
fn entries(session: &Session) -> Result<String, Error> {
    let mut html = String::new();
    for (key, value) in session.entries().iter().filter(|(key, _)| *key != DEVICE.name()) {
        let value = shown(value)?;
        push(&mut html, format_args!("<tr><th scope=\"row\">{}</th><td>{}</td></tr>\n", Text(key), Text(&value)));
    }
    Ok(html)
}

/// Returns the devices as items of a list, each but the current one with a form to sign it out.
fn list(devices: &[Device]) -> String {
    let mut html = String::new();
    for Device { id, last_seen, current, device, .. } in devices {
        let user_agent = Text(device.as_ref().and_then(|device| device.user_agent()).unwrap_or("unknown device"));
        let address = device.as_ref().and_then(|device| device.address());
        let address = address.map_or_else(|| "unknown address".to_owned(), |address| address.to_string());
        push(&mut html, format_args!("<li>{user_agent}, {address}, last used {}", Time(*last_seen)));
        match current {
            true => push(&mut html, format_args!(" <strong>(this device)</strong></li>\n")),
            false => push(&mut html, format_args!("{}</li>\n", SignOut { id, user_agent })),
        }
    }
    html
}

fn push(html: &mut String, arguments: fmt::Arguments<'_>) {
    html.write_fmt(arguments).expect("a text grows without an error");
}

/// Returns a value as a text, or else as JSON.
fn shown(value: &Value) -> Result<String, Error> {
    Ok(match value.get()? {
        Json::String(text) => text,
        other => other.to_string(),
    })
}

/// A text that HTML shows as it is, also within quotes.
#[derive(Clone, Copy)]
struct Text<'a>(&'a str);

impl Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for char in self.0.chars() {
            match char {
                '&' => f.write_str("&amp;")?,
                '<' => f.write_str("&lt;")?,
                '>' => f.write_str("&gt;")?,
                '"' => f.write_str("&quot;")?,
                '\'' => f.write_str("&#39;")?,
                other => f.write_char(other)?,
            }
        }
        Ok(())
    }
}

/// A point in time, in UTC.
struct Time(Timestamp);

impl Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // The year 9999 is the last one that can be shown.
        let text = self.0.to_system_time().and_then(|time| {
            let mut text = String::new();
            write!(text, "{}", humantime::format_rfc3339_seconds(time)).is_ok().then_some(text)
        });
        match text {
            Some(text) => write!(f, "<time datetime=\"{text}\">{}</time>", text.replace('T', " ").replace('Z', " UTC")),
            None => f.write_str("in the far future"),
        }
    }
}

/// A form that ends another session of the visitor's.
struct SignOut<'a> {
    id: &'a SessionId,
    user_agent: Text<'a>,
}

impl Display for SignOut<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { id, user_agent } = self;
        write!(
            f,
            "<form method=\"post\" action=\"/logout_device\"><input type=\"hidden\" name=\"next\" value=\"/\">\
             <input type=\"hidden\" name=\"id\" value=\"{id}\">\
             <button aria-label=\"Sign out {user_agent}\">Sign out</button></form>",
        )
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::super::Body;
    use super::*;

    #[test]
    fn text_is_shown_as_it_is() {
        let text = "<script>alert('1 & \"2\"')</script><!--state-->";
        let html = "&lt;script&gt;alert(&#39;1 &amp; &quot;2&quot;&#39;)&lt;/script&gt;&lt;!--state--&gt;";
        assert_eq!(Text(text).to_string(), html);
    }

    #[test]
    fn time_is_in_utc() {
        let shown = |time: Timestamp| Time(time).to_string();
        let html = "<time datetime=\"1970-01-02T00:00:01Z\">1970-01-02 00:00:01 UTC</time>";
        assert_eq!(shown(Timestamp::from_millis(86_401_500)), html);
        for far in [Timestamp::NEVER, Timestamp::from_millis(0).after(Duration::from_secs(300_000_000_000))] {
            assert_eq!(shown(far), "in the far future");
        }
    }

    fn text(reply: Reply) -> String {
        match reply.body {
            Body::Text(text) => text,
            Body::Visits(_) => panic!("the page is a text"),
        }
    }

    #[tokio::test]
    async fn every_part_of_the_page_is_filled_in() {
        let sessions = sessions_core::Sessions::builder().build().unwrap();
        let session = sessions.open().session([b"".as_slice()]).await.unwrap();
        session.login("<ann>").unwrap();
        session.set("<key>", "<value>").unwrap();
        session.set_flash("notice", "<flash>").unwrap();
        let request = Request::new("GET", "/", "next=/private%3Fa%3Db%26c", b"");
        let page = text(show(request, &session).await.unwrap());
        assert!(!page.contains("<!--"), "{page}");
        for shown in [
            "&lt;ann&gt;",
            "&lt;key&gt;",
            "&lt;value&gt;",
            "&lt;flash&gt;",
            "value=\"/private?a=b&amp;c\"",
            "confirm that it is you.",
        ] {
            assert!(page.contains(shown), "{shown} in {page}");
        }
    }

    #[tokio::test]
    async fn page_sends_nobody_to_another_site() {
        let sessions = sessions_core::Sessions::builder().build().unwrap();
        let session = sessions.open().session([b"".as_slice()]).await.unwrap();
        let request = Request::new("GET", "/", "next=//evil.example", b"");
        assert!(!text(show(request, &session).await.unwrap()).contains("evil"));
    }
}
