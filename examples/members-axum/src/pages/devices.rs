//! Where a member is signed in, and signing out there.

use std::fmt::Write as _;

use axum::Form;
use axum::response::{Html, Redirect};
use humantime::format_rfc3339_seconds;
use serde::Deserialize;
use sessions_axum::{Device, SessionId, SessionInfo, Timestamp};

use crate::error::Error;
use crate::flash;
use crate::html::{Text, page};
use crate::member::Member;
use crate::sign_in::DEVICE;

#[derive(Deserialize)]
pub(crate) struct Choice {
    id: SessionId,
}

pub(crate) async fn show(member: Member) -> Result<Html<String>, Error> {
    let sessions = member.devices().await?;
    let mut rows = String::new();
    for info in &sessions {
        // A device that cannot be read is no reason to hide its session.
        let device = DEVICE.get_from(info).ok().flatten().unwrap_or_default();
        row(&mut rows, info, &device, Some(info.id()) == member.id());
    }
    let body = format!(
        "<table><tr><th>Device</th><th>Address</th><th>Signed in</th><th>Last seen</th><th></th></tr>{rows}</table>\
         <form method=\"post\" action=\"/devices/end-others\"><button>Sign out everywhere else</button></form>"
    );
    Ok(page("Your devices", &member, &body)?)
}

/// Ends one session. Another member's is left alone, whatever id the form sends.
pub(crate) async fn end(member: Member, Form(choice): Form<Choice>) -> Result<Redirect, Error> {
    if member.destroy_device(choice.id).await? {
        flash::notice(&member, "The device is signed out.")?;
    } else {
        flash::problem(&member, "This device was signed out already.")?;
    }
    Ok(Redirect::to("/devices"))
}

pub(crate) async fn end_others(member: Member) -> Result<Redirect, Error> {
    let ended = member.destroy_others().await?;
    flash::notice(&member, format!("Other sessions ended: {ended}."))?;
    Ok(Redirect::to("/devices"))
}

fn row(rows: &mut String, info: &SessionInfo, device: &Device, is_current: bool) {
    let agent = device.user_agent().unwrap_or("unknown");
    let address = device.address().map(|address| address.to_string()).unwrap_or_default();
    let action = if is_current {
        "this device".to_owned()
    } else {
        format!(
            "<form method=\"post\" action=\"/devices/end\"><button name=\"id\" value=\"{}\">Sign out</button></form>",
            info.id()
        )
    };
    // Writing to a string does not fail.
    let _ = write!(
        rows,
        "<tr><td>{}</td><td>{}</td><td>{}</td><td>{}</td><td>{action}</td></tr>",
        Text(agent),
        Text(&address),
        info.signed_in_at().map(date).unwrap_or_default(),
        date(info.last_seen_at()),
    );
}

fn date(time: Timestamp) -> String {
    time.to_system_time().map(|time| format_rfc3339_seconds(time).to_string()).unwrap_or_default()
}
