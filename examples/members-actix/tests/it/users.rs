//! Users in Redis.

use crate::shared::browser::PASSWORD;
use crate::site::Site;

#[actix_web::test]
async fn a_user_is_a_hash_beside_the_sessions() {
    let Some(site) = Site::start().await else { return };
    site.member("Ann").await;
    let mut keys: Vec<String> = site.redis.cli(&["KEYS", "members:*"]).lines().map(str::to_owned).collect();
    keys.retain(|key| !key.starts_with("members:session:"));
    assert_eq!(keys, ["members:user:ann"]);
    assert_eq!(site.redis.cli(&["HGET", "members:user:ann", "name"]), "Ann");
    let hash = site.redis.cli(&["HGET", "members:user:ann", "password_hash"]);
    assert!(hash.starts_with("$argon2id$") && !hash.contains(PASSWORD), "{hash}");
    assert_eq!(site.redis.cli(&["TTL", "members:user:ann"]), "-1", "users do not expire");
}
