use std::collections::HashMap;
use std::future::Future;
use std::pin::Pin;
use std::sync::{Mutex, PoisonError};

use actix_web::dev::Payload;
use actix_web::error::ErrorForbidden;
use actix_web::{App, Error, FromRequest, HttpRequest, HttpServer, web};
use sessions_actix::{SessionError, SessionMiddleware, Sessions, SignedIn};

#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd)]
enum Role {
    #[default]
    Member,
    Editor,
    Admin,
}

/// Stands for your table of users.
#[derive(Default)]
struct Users(Mutex<HashMap<String, Role>>);

impl Users {
    async fn role_of(&self, name: &str) -> Role {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).get(name).copied().unwrap_or_default()
    }

    async fn set_role(&self, name: &str, role: Role) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).insert(name.to_owned(), role);
    }
}

/// An extractor of a signed-in visitor and their role.
struct Member {
    user: SignedIn,
    role: Role,
}

impl FromRequest for Member {
    type Error = Error;
    type Future = Pin<Box<dyn Future<Output = Result<Self, Error>>>>;

    fn from_request(request: &HttpRequest, payload: &mut Payload) -> Self::Future {
        let admitted = SignedIn::from_request(request, payload);
        let users = request.app_data::<web::Data<Users>>().expect("the app has its users").clone();
        Box::pin(async move {
            let user = admitted.await?; // strangers get 303 or 401
            let role = users.role_of(user.principal()).await;
            Ok(Self { user, role })
        })
    }
}

impl Member {
    /// Refuses members with a lower role.
    fn must_be(&self, least: Role) -> Result<(), Error> {
        if self.role >= least { Ok(()) } else { Err(ErrorForbidden("not for you")) }
    }
}

async fn edit(member: Member) -> Result<String, Error> {
    member.must_be(Role::Editor)?;
    Ok(format!("{} may edit", member.user.principal()))
}

async fn dismiss(
    member: Member,
    users: web::Data<Users>,
    sessions: web::Data<Sessions>,
    name: web::Path<String>,
) -> Result<String, Error> {
    member.must_be(Role::Admin)?;
    users.set_role(&name, Role::Member).await;
    let ended = sessions.destroy_principal(&name).await.map_err(SessionError::from)?;
    Ok(format!("ended {ended} sessions"))
}

fn routes(config: &mut web::ServiceConfig) {
    config.route("/edit", web::get().to(edit)).route("/editors/{name}", web::delete().to(dismiss));
}

#[actix_web::main]
async fn main() -> Result<(), Box<dyn std::error::Error>> {
    let (sessions, users) = (Sessions::builder().login_page("/login").build()?, web::Data::new(Users::default()));
    let app = move || {
        App::new()
            .app_data(users.clone())
            .app_data(web::Data::new(sessions.clone()))
            .configure(routes)
            .wrap(SessionMiddleware::new(sessions.clone()))
    };
    Ok(HttpServer::new(app).bind("127.0.0.1:8080")?.run().await?)
}
