//! Tokens of the identity service: everything that one says stands in it, sealed with the master key. So they outlive a
//! restart, are good at every server of a store, and need no room.

use crate::master_key::MasterKey;
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use longrun_dialects::identity::Methods;
use longrun_model::Timestamp;
use serde::{Deserialize, Serialize};

/// What every token of this cloud begins with.
const PREFIX: &str = "MII";
/// What they are sealed for. No access key has this id, since there is a blank in it.
const NAME: &str = "identity token";

/// What a token says.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Token {
    /// The key that it stands for.
    #[serde(rename = "k")]
    pub(crate) key: Box<str>,
    /// That key's fingerprint when it was made.
    #[serde(rename = "f")]
    pub(crate) fingerprint: u64,
    /// When it was made, in milliseconds.
    #[serde(rename = "i")]
    issued_at: i64,
    /// Until when it is good, in milliseconds.
    #[serde(rename = "e")]
    expires_at: i64,
    /// What it is good for.
    #[serde(rename = "g")]
    pub(crate) good: Good,
    /// Whether it was made for another token.
    #[serde(rename = "t")]
    traded: bool,
}

/// What a token is good for.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) enum Good {
    /// Only for getting another one.
    #[serde(rename = "n")]
    Nothing,
    /// For the account as a whole.
    #[serde(rename = "d")]
    Domain,
    /// For the project with this id.
    #[serde(rename = "p")]
    Project(Box<str>),
}

impl Token {
    /// A token for the key with this id and fingerprint.
    pub(crate) fn new(
        (key, fingerprint): (&str, u64),
        (issued_at, expires_at): (Timestamp, Timestamp),
        good: Good,
        methods: Methods,
    ) -> Self {
        Self {
            key: key.into(),
            fingerprint,
            issued_at: issued_at.as_millis(),
            expires_at: expires_at.as_millis(),
            good,
            traded: methods == Methods::Token,
        }
    }

    /// When it was made.
    pub(crate) fn issued_at(&self) -> Timestamp {
        Timestamp::from_millis(self.issued_at)
    }

    /// Until when it is good.
    pub(crate) fn expires_at(&self) -> Timestamp {
        Timestamp::from_millis(self.expires_at)
    }

    /// How its owner came by it.
    pub(crate) fn methods(&self) -> Methods {
        if self.traded {
            Methods::Token
        } else {
            Methods::Password
        }
    }

    /// As the text that is handed out.
    pub(crate) fn seal(&self, master_key: &MasterKey) -> String {
        let plain = serde_json::to_vec(self).expect("it has only texts and numbers");
        let sealed = master_key.seal(NAME, &plain);
        format!("{PREFIX}{}", URL_SAFE_NO_PAD.encode(sealed))
    }

    /// Reads the text; nothing if it was not sealed here.
    pub(crate) fn open(text: &str, master_key: &MasterKey) -> Option<Self> {
        let sealed = URL_SAFE_NO_PAD.decode(text.strip_prefix(PREFIX)?).ok()?;
        serde_json::from_slice(&master_key.open(NAME, &sealed)?).ok()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_token_says_what_it_was_made_with() {
        let master_key = MasterKey::random();
        let (from, to) = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        for good in [Good::Nothing, Good::Domain, Good::Project("p1".into())] {
            let token = Token::new(("AKID", 7), (from, to), good, Methods::Token);
            let text = token.seal(&master_key);
            assert!(text.starts_with("MII") && text.len() < 400, "{text}");
            let found = Token::open(&text, &master_key).unwrap();
            assert_eq!(found, token);
            assert_eq!((found.issued_at(), found.expires_at()), (from, to));
            assert_eq!(found.methods(), Methods::Token);
            assert_ne!(text, token.seal(&master_key));
        }
    }

    #[test]
    fn what_was_not_sealed_here_is_no_token() {
        let master_key = MasterKey::random();
        let times = (Timestamp::from_millis(5), Timestamp::from_millis(9));
        let token = Token::new(("AKID", 7), times, Good::Domain, Methods::Password);
        let text = token.seal(&master_key);
        let mut turned = text.clone().into_bytes();
        turned[40] = if turned[40] == b'A' { b'B' } else { b'A' };
        let turned = String::from_utf8(turned).unwrap();
        for bad in [
            "",
            "MII",
            "MIIx",
            "other",
            &text[3..],
            &text[..text.len() - 4],
            &turned,
        ] {
            assert_eq!(Token::open(bad, &master_key), None, "{bad}");
        }
        assert_eq!(Token::open(&text, &MasterKey::random()), None);
        let secret = master_key.seal("AKID", &serde_json::to_vec(&token).unwrap());
        let secret = format!("MII{}", URL_SAFE_NO_PAD.encode(secret));
        assert_eq!(Token::open(&secret, &master_key), None);
    }
}
