//! TLS towards the database. Its certificate is always checked, the name in it too.

use crate::StoreError;
use crate::doing::Doing;
use crate::postgres::PostgresUrl;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};
use std::sync::Arc;
use tokio_postgres_rustls_improved::MakeRustlsConnect;

/// How connections speak TLS, when they do.
pub(super) fn connector(url: &PostgresUrl) -> Result<MakeRustlsConnect, StoreError> {
    let doing = "set up TLS towards the database";
    let mut roots = RootCertStore::empty();
    match url.root_certificate() {
        Some(path) => {
            let certificates = CertificateDer::pem_file_iter(path)
                .and_then(Iterator::collect::<Result<Vec<_>, _>>)
                .doing("read the file that `sslrootcert` names")?;
            for certificate in certificates {
                roots.add(certificate).doing(doing)?;
            }
        }
        None => roots.extend(webpki_roots::TLS_SERVER_ROOTS.iter().cloned()),
    }
    let provider = Arc::new(rustls::crypto::ring::default_provider());
    let config = ClientConfig::builder_with_provider(provider)
        .with_safe_default_protocol_versions()
        .doing(doing)?
        .with_root_certificates(roots)
        .with_no_client_auth();
    Ok(MakeRustlsConnect::new(config))
}
