use actix_web::{App, HttpRequest, HttpResponse, HttpServer, web};
use serde::{Deserialize, Serialize};
use sessions_actix::{
    ConfigError, Device, ErrorKind, Key, Session, SessionError, SessionId, SessionMiddleware, Sessions, SignedIn,
    Timestamp, TrustedProxies, device,
};

/// Where a session was signed in.
const DEVICE: Key<Device> = Key::new("device");

#[derive(Deserialize)]
struct Credentials {
    user: String,
    password: String,
}

async fn login(
    session: Session,
    proxies: web::Data<TrustedProxies>,
    request: HttpRequest,
    form: web::Form<Credentials>,
) -> Result<HttpResponse, SessionError> {
    if !is_right(&form) {
        return Ok(HttpResponse::Unauthorized().body("wrong user or password"));
    }
    session.login(&form.user)?;
    DEVICE.set(&session, &device(&request, &proxies))?;
    // Only with `LimitPolicy::RefuseLogin`. Without this, the response is a bare 403.
    match session.save().await {
        Err(error) if error.kind() == ErrorKind::TooManySessions => {
            Ok(HttpResponse::Forbidden().body("you are signed in on too many devices"))
        }
        saved => Ok(saved.map(|()| HttpResponse::Ok().body("welcome"))?),
    }
}

/// Placeholder: check against your stored password hash.
fn is_right(form: &Credentials) -> bool {
    form.password == "open sesame"
}

/// A row of the page of devices.
#[derive(Serialize)]
struct Row {
    id: SessionId,
    /// Milliseconds since the epoch.
    last_seen: Timestamp,
    signed_in_at: Option<Timestamp>,
    address: Option<String>,
    user_agent: Option<String>,
    is_this_one: bool,
}

async fn devices(user: SignedIn) -> Result<web::Json<Vec<Row>>, SessionError> {
    let mut rows = Vec::new();
    for info in user.devices().await? {
        let device = DEVICE.get_from(&info)?.unwrap_or_default();
        rows.push(Row {
            id: info.id(),
            last_seen: info.last_seen_at(),
            signed_in_at: info.signed_in_at(),
            address: device.address().map(|address| address.to_string()),
            user_agent: device.user_agent().map(str::to_owned),
            is_this_one: user.id() == Some(info.id()),
        });
    }
    Ok(web::Json(rows))
}

/// The button beside a device.
async fn sign_out(user: SignedIn, id: web::Path<SessionId>) -> Result<HttpResponse, SessionError> {
    let ended = user.destroy_device(*id).await?; // for this session also removes the cookie
    Ok(if ended { HttpResponse::NoContent() } else { HttpResponse::NotFound() }.finish())
}

async fn sign_out_everywhere(user: SignedIn) -> Result<HttpResponse, SessionError> {
    user.destroy_others().await?;
    user.destroy();
    Ok(HttpResponse::NoContent().finish())
}

fn sessions() -> Result<Sessions, ConfigError> {
    Sessions::builder().sessions_per_principal(20).build()
}

fn routes(config: &mut web::ServiceConfig) {
    config
        .route("/login", web::post().to(login))
        .route("/devices", web::get().to(devices))
        .route("/devices/{id}", web::delete().to(sign_out))
        .route("/devices", web::delete().to(sign_out_everywhere));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let sessions = sessions()?;
    let proxies = TrustedProxies::new(["127.0.0.1", "::1"])?; // nginx on the same machine
    let app = move || {
        App::new()
            .app_data(web::Data::new(proxies.clone()))
            .configure(routes)
            .wrap(SessionMiddleware::new(sessions.clone()))
    };
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
