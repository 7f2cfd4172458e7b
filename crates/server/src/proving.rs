//! Whether somebody is who it says it is: its signature, its clock, and whether it says so for the first time.

use crate::SystemClock;
use crate::app::App;
use crate::keys::Key;
use crate::replay::Nonce;
use longrun_dialects::{Claim, Dialect, Fault, Identity, Proof};
use longrun_engine::Clock;
use longrun_model::Timestamp;
use std::net::IpAddr;
use std::sync::Arc;

impl App {
    /// The key of whoever sent a call, once that is proved.
    pub(crate) fn prove(
        &self,
        dialect: &dyn Dialect,
        claim: &Claim,
        peer: IpAddr,
    ) -> Result<Arc<Key>, Fault> {
        let key = match &claim.identity {
            Identity::Token(token) => {
                return self.bearer_of(token);
            }
            Identity::AccessKey(id) => self.keys.by_id(id).ok_or(Fault::UnknownKey)?,
        };
        if key.disabled {
            return Err(Fault::DisabledKey);
        }
        let proof = claim
            .proof
            .as_ref()
            .ok_or(Fault::MissingCredentials("Signature"))?;
        // Whoever signs knows no clock but the world's.
        let now = SystemClock.now();
        self.check_signature(dialect, proof, &key, now, peer)?;
        if claim
            .session_token
            .as_ref()
            .is_some_and(|token| !token.is_empty())
        {
            // Our keys are lasting ones: no token belongs to them.
            return Err(Fault::BadToken);
        }
        let Some(nonce) = &proof.nonce else {
            return Ok(key);
        };
        match self
            .replays
            .remember(&key.id, nonce, proof.signed_at, proof.window_millis, now)
        {
            Nonce::New => Ok(key),
            Nonce::Used => Err(Fault::Replayed),
            Nonce::TooOld => Err(Fault::Skewed {
                ahead_millis: proof.signed_at.millis_since(now),
            }),
        }
    }

    /// Holds a signature against the secret, and counts the bad ones where the cloud locks keys for them.
    fn check_signature(
        &self,
        dialect: &dyn Dialect,
        proof: &Proof,
        key: &Key,
        clock: Timestamp,
        peer: IpAddr,
    ) -> Result<(), Fault> {
        if !dialect.locks_keys() {
            return key.verify(dialect, proof, clock);
        }
        // A lock ends by the server's clock, like that of a user.
        let (lockouts, now) = (&self.key_lockouts, self.engine.now());
        if lockouts.seconds_left(&key.id, peer, now).is_some() {
            return Err(Fault::LockedKey);
        }
        let verified = key.verify(dialect, proof, clock);
        match &verified {
            Ok(()) => lockouts.succeeded(&key.id, peer),
            Err(Fault::BadSignature { .. }) => lockouts.failed(&key.id, peer, now),
            // A clock that is off says nothing about the secret.
            Err(_) => (),
        }
        verified
    }
}
