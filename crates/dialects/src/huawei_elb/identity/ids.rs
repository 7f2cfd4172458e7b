//! Ids of what has a name and nothing else.

use sha2::{Digest, Sha256};

/// The id of the domain that an account is.
pub fn domain_id(account: &str) -> String {
    digits("domain", &[account])
}

/// The id of a user, by the id of its domain and its name.
pub fn user_id(domain_id: &str, name: &str) -> String {
    digits("user", &[domain_id, name])
}

/// The id of something that every server has, such as a service.
pub(super) fn fixed_id(what: &str, name: &str) -> String {
    digits(what, &[name])
}

/// 32 hexadecimal digits, as all ids of this cloud have them.
fn digits(what: &str, names: &[&str]) -> String {
    let mut hash = Sha256::new_with_prefix(what);
    for name in names {
        // No text of an account, a user or a service has this byte in it.
        hash.update([0]);
        hash.update(name);
    }
    hex::encode(&hash.finalize()[..16])
}

#[cfg(test)]
mod tests {
    use super::*;

    /// They stand in the files and scripts of users: they may never change.
    #[test]
    fn ids_stay_what_they_are() {
        let domain = domain_id("acme");
        assert_eq!(domain, "605f620bb35501f08b335cd1b0d156b0");
        let user = user_id(&domain, "jane");
        assert_eq!(user, "423aa2836a94af898dba3bf20cc59392");
        assert_ne!(user, user_id(&domain_id("other"), "jane"));
        assert_ne!(fixed_id("service", "elbv1"), fixed_id("endpoint", "elbv1"));
    }
}
