//! An authority of our own, and a certificate from it for every name that an SDK may call the server by.

use rcgen::{
    BasicConstraints, CertificateParams, CertifiedIssuer, DnType, IsCa, KeyPair, KeyUsagePurpose,
};
use std::path::{Path, PathBuf};

/// What an SDK may call the server. The Tencent SDK pins the names of the cloud.
const NAMES: [&str; 4] = [
    "127.0.0.1",
    "localhost",
    "bm.api.qcloud.com",
    "vpc.api.qcloud.com",
];

/// Files that a server and its clients need to speak TLS.
pub(crate) struct Certificates {
    /// What clients trust, as PEM.
    pub(crate) authority_pem: String,
    /// The same as a file.
    pub(crate) authority: PathBuf,
    /// The server's certificate.
    pub(crate) certificate: PathBuf,
    /// The server's private key.
    pub(crate) key: PathBuf,
}

impl Certificates {
    /// Makes them in a folder.
    pub(crate) fn make(folder: &Path) -> Self {
        let authority = authority();
        let key = KeyPair::generate().expect("there is entropy");
        let mut server = CertificateParams::new(NAMES.map(String::from)).expect("these are names");
        // Python 3.13 and later want it.
        server.use_authority_key_identifier_extension = true;
        let certificate = server
            .signed_by(&key, &authority)
            .expect("the authority can sign");
        let write = |name: &str, text: &str| {
            let path = folder.join(name);
            std::fs::write(&path, text).expect("the folder can be written to");
            path
        };
        Self {
            authority: write("authority.pem", &authority.pem()),
            authority_pem: authority.pem(),
            certificate: write("server.pem", &certificate.pem()),
            key: write("server.key", &key.serialize_pem()),
        }
    }
}

fn authority() -> CertifiedIssuer<'static, KeyPair> {
    let mut authority = CertificateParams::default();
    // With the name that rcgen gives to all, the server's certificate would seem to be its own authority.
    authority
        .distinguished_name
        .push(DnType::CommonName, "authority of the tests");
    authority.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    // OpenSSL's strict checks, which Python 3.13 and later switch on, want an authority to say what its key is for.
    authority.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    let key = KeyPair::generate().expect("there is entropy");
    CertifiedIssuer::self_signed(authority, key).expect("these parameters are good")
}
