//! The key that seals the secrets of access keys, so that a copy of the store does not give them away.

use crate::chance;
use chacha20poly1305::aead::{Aead, KeyInit, Payload};
use chacha20poly1305::{XChaCha20Poly1305, XNonce};
use std::fs::{self, OpenOptions};
use std::io::{self, Write};
use std::path::Path;
use zeroize::Zeroizing;

/// The length of the random part that each sealed secret begins with.
const NONCE_BYTES: usize = 24;

/// A key of 256 bits.
#[derive(Clone)]
pub struct MasterKey(Zeroizing<[u8; 32]>);

/// Why there is no master key.
#[derive(Debug, thiserror::Error)]
pub enum MasterKeyError {
    /// The text is not one.
    #[error("a master key has 64 hexadecimal digits")]
    Malformed,
    /// The file cannot be read or made.
    #[error("could not read or make the master key file `{path}`")]
    File {
        /// Which one.
        path: String,
        /// Why.
        source: io::Error,
    },
}

impl MasterKey {
    /// The key with these 64 hexadecimal digits.
    pub fn from_hex(digits: &str) -> Result<Self, MasterKeyError> {
        let mut key = Zeroizing::new([0; 32]);
        hex::decode_to_slice(digits.trim(), key.as_mut()).map_err(|_| MasterKeyError::Malformed)?;
        Ok(Self(key))
    }

    /// A new key.
    pub fn random() -> Self {
        Self(Zeroizing::new(chance::secret_bytes()))
    }

    /// The key in this file. If there is no such file, it is made, readable for its owner alone.
    pub fn load_or_create(path: &Path) -> Result<Self, MasterKeyError> {
        let file = |source| MasterKeyError::File {
            path: path.display().to_string(),
            source,
        };
        match fs::read_to_string(path) {
            Ok(digits) => Self::from_hex(&Zeroizing::new(digits)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let key = Self::random();
                key.write(path).map_err(file)?;
                Ok(key)
            }
            Err(error) => Err(file(error)),
        }
    }

    /// The key in this file, which somebody has made.
    pub fn load(path: &Path) -> Result<Self, MasterKeyError> {
        let digits = fs::read_to_string(path).map_err(|source| MasterKeyError::File {
            path: path.display().to_string(),
            source,
        })?;
        Self::from_hex(&Zeroizing::new(digits))
    }

    fn write(&self, path: &Path) -> io::Result<()> {
        let mut options = OpenOptions::new();
        options.write(true).create_new(true);
        #[cfg(unix)]
        std::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
        let mut file = options.open(path)?;
        file.write_all(Zeroizing::new(hex::encode(*self.0)).as_bytes())?;
        file.sync_all()
    }

    /// Seals `secret` so that it can be opened again only for the same `name`.
    pub(crate) fn seal(&self, name: &str, secret: &[u8]) -> Vec<u8> {
        let nonce = chance::secret_bytes::<NONCE_BYTES>();
        let payload = Payload {
            msg: secret,
            aad: name.as_bytes(),
        };
        let sealed = self.cipher().encrypt(XNonce::from_slice(&nonce), payload);
        [
            &nonce[..],
            &sealed.expect("a secret is far shorter than the cipher's limit"),
        ]
        .concat()
    }

    /// Opens what was sealed for `name`; none if it was sealed under another key or for another name.
    pub(crate) fn open(&self, name: &str, sealed: &[u8]) -> Option<Zeroizing<Vec<u8>>> {
        let (nonce, sealed) = sealed.split_at_checked(NONCE_BYTES)?;
        let payload = Payload {
            msg: sealed,
            aad: name.as_bytes(),
        };
        self.cipher()
            .decrypt(XNonce::from_slice(nonce), payload)
            .ok()
            .map(Zeroizing::new)
    }

    fn cipher(&self) -> XChaCha20Poly1305 {
        XChaCha20Poly1305::new((&*self.0).into())
    }
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, formatter: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        formatter.write_str("MasterKey")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seal_is_for_one_key_and_one_name() {
        let key = MasterKey::random();
        let sealed = key.seal("AKID", b"secret");
        assert_eq!(
            key.open("AKID", &sealed).as_deref(),
            Some(&b"secret".to_vec())
        );
        assert_eq!(key.open("OTHER", &sealed), None);
        assert_eq!(MasterKey::random().open("AKID", &sealed), None);
        assert_eq!(key.open("AKID", &sealed[..20]), None);
        assert_ne!(
            key.seal("AKID", b"secret"),
            sealed,
            "the same secret is sealed differently each time"
        );
    }

    #[test]
    fn a_key_file_is_made_once() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("longrun.db.key");
        let key = MasterKey::load_or_create(&path).unwrap();
        let again = MasterKey::load_or_create(&path).unwrap();
        assert_eq!(
            again.open("a", &key.seal("a", b"x")).as_deref(),
            Some(&b"x".to_vec())
        );
        fs::write(&path, "nonsense").unwrap();
        assert!(matches!(
            MasterKey::load_or_create(&path),
            Err(MasterKeyError::Malformed)
        ));
    }
}
