//! Passwords: kept as hashes that take a while to compute, which is what makes guessing them dear.

use crate::chance;
use argon2::password_hash::{CustomizedPasswordHasher, PasswordVerifier};
use argon2::{Argon2, Params};
use std::sync::OnceLock;
use tokio::sync::Semaphore;

/// How many are checked at once: each takes 19 MiB and a core.
const CHECKS_MAX: usize = 2;
/// How many more may wait for that.
const WAITING_MAX: usize = 128;
/// Letters and digits of a password that is drawn here: 200 bits of chance.
const DRAWN_LENGTH: usize = 40;
const SALT_BYTES: usize = 16;

/// The hash of a password that somebody chose, as a PHC string.
pub(crate) fn hash(password: &str) -> String {
    hash_with(password, Params::default())
}

/// A new password and its hash. Nobody guesses 200 bits, so the hash need not be slow.
pub(crate) fn draw() -> (String, String) {
    let password = chance::secret_text(DRAWN_LENGTH);
    let params = Params::new(
        Params::MIN_M_COST,
        Params::MIN_T_COST,
        Params::MIN_P_COST,
        None,
    );
    let hash = hash_with(
        &password,
        params.expect("the least that is possible is possible"),
    );
    (password, hash)
}

fn hash_with(password: &str, params: Params) -> String {
    let salt = chance::secret_bytes::<SALT_BYTES>();
    let hash = Argon2::default().hash_password_with_params(password.as_bytes(), &salt, params);
    hash.expect("a password is shorter than the longest text that can be hashed")
        .to_string()
}

/// Where passwords are checked, a few at a time.
pub(crate) struct Checks {
    turns: Semaphore,
    waiting: Semaphore,
}

/// So many wait that no more are taken.
#[derive(Debug)]
pub(crate) struct TooMany;

impl Default for Checks {
    fn default() -> Self {
        Self {
            turns: Semaphore::new(CHECKS_MAX),
            waiting: Semaphore::new(WAITING_MAX),
        }
    }
}

impl Checks {
    /// Does what `then` says with the answer to whether `password` is the one with this hash; `None` stands for a user
    /// whom nobody knows. As long as that takes, no more than one other is checked.
    ///
    /// Whoever is refused waits as long in every case, so that the time tells nobody who exists.
    pub(crate) async fn check(
        &self,
        password: &str,
        hash: Option<Box<str>>,
        may_try: impl FnOnce() -> bool,
    ) -> Result<bool, TooMany> {
        let _place = self.waiting.try_acquire().map_err(|_| TooMany)?;
        let _turn = self.turns.acquire().await.map_err(|_| TooMany)?;
        // Others may have failed so often in the meantime that nobody may try any more.
        if !may_try() {
            return Ok(false);
        }
        let password = zeroize::Zeroizing::new(password.to_owned());
        let check = move || match hash {
            Some(hash) => is_right(&password, &hash) || refuse_slowly(&password, &hash),
            None => refuse_slowly(&password, ""),
        };
        Ok(tokio::task::spawn_blocking(check).await.unwrap_or(false))
    }
}

fn is_right(password: &str, hash: &str) -> bool {
    Argon2::default()
        .verify_password(password.as_bytes(), hash)
        .is_ok()
}

/// Spends the time that a slow hash takes, unless that was spent on `hash` already.
fn refuse_slowly(password: &str, hash: &str) -> bool {
    static DECOY: OnceLock<String> = OnceLock::new();
    let decoy = DECOY.get_or_init(|| self::hash("decoy"));
    let slow = parameters(decoy);
    if parameters(hash) != slow {
        is_right(password, decoy);
    }
    false
}

/// What stands before the salt: the scheme, its version and how dear it is.
fn parameters(hash: &str) -> Option<&str> {
    hash.match_indices('$').nth(3).map(|(end, _)| &hash[..end])
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_password_is_right_or_wrong() {
        let checks = Checks::default();
        let chosen = hash("correct horse");
        let (drawn, light) = draw();
        assert_eq!(drawn.len(), DRAWN_LENGTH);
        for (password, hash, expected) in [
            ("correct horse", Some(&chosen), true),
            ("correct horse ", Some(&chosen), false),
            (drawn.as_str(), Some(&light), true),
            ("correct horse", Some(&light), false),
            ("decoy", None, false),
            ("", Some(&chosen), false),
        ] {
            let hash = hash.map(|hash| hash.as_str().into());
            let found = checks.check(password, hash, || true).await.unwrap();
            assert_eq!(found, expected, "{password}");
        }
        let locked = checks.check("correct horse", Some(chosen.as_str().into()), || false);
        assert!(!locked.await.unwrap());
    }

    #[test]
    fn the_same_password_has_another_hash_each_time() {
        let (first, second) = (hash("x"), hash("x"));
        assert_ne!(first, second);
        assert_eq!(parameters(&first), Some("$argon2id$v=19$m=19456,t=2,p=1"));
        assert_ne!(parameters(&draw().1), parameters(&first));
    }
}
