//! TLS: whose certificates the clients accept.

use std::{fmt, path::Path, sync::Arc};

use tokio_rustls::{
    TlsConnector,
    rustls::{
        ClientConfig, DigitallySignedStruct, Error, RootCertStore, SignatureScheme,
        client::danger::{HandshakeSignatureValid, ServerCertVerified, ServerCertVerifier},
        crypto::{CryptoProvider, ring, verify_tls12_signature, verify_tls13_signature},
        pki_types::{CertificateDer, ServerName, UnixTime, pem::PemObject},
    },
};

use super::file::Tls;

/// Whom clients trust.
#[derive(Clone)]
pub(super) struct Trust {
    config: ClientConfig,
    /// The name that the certificate must bear.
    pub name: ServerName<'static>,
}

impl fmt::Debug for Trust {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Trust").field("name", &self.name).finish_non_exhaustive()
    }
}

impl Trust {
    /// As the file says; paths begin at its folder.
    ///
    /// # Errors
    /// What does not fit, or what cannot be read.
    pub(super) fn read(Tls { ca, name, verify }: &Tls, folder: &Path) -> Result<Self, String> {
        let provider = Arc::new(ring::default_provider());
        let builder = ClientConfig::builder_with_provider(Arc::clone(&provider))
            .with_safe_default_protocol_versions()
            .map_err(|error| error.to_string())?;
        match (ca, name, verify) {
            (Some(ca), Some(name), true) => {
                let server = ServerName::try_from(name.clone()).map_err(|_| format!("{name:?} is no host's name"))?;
                let config = builder.with_root_certificates(authority(&folder.join(ca))?).with_no_client_auth();
                Ok(Self { config, name: server })
            }
            (None, None, false) => {
                let anybody = Arc::new(Anybody(provider));
                let builder = builder.dangerous().with_custom_certificate_verifier(anybody);
                let name = ServerName::try_from("unverified").map_err(|error| error.to_string())?;
                Ok(Self { config: builder.with_no_client_auth(), name })
            }
            (_, _, true) => Err("to verify the certificate takes both ca, the authority's certificate, and name, the \
                                 name that the service's bears; verify = false takes any"
                .into()),
            (_, _, false) => Err("with verify = false nothing is held against ca and name: leave them out".into()),
        }
    }

    /// The connector of a client that speaks that protocol.
    pub(super) fn connector(&self, protocol: &[u8]) -> TlsConnector {
        let mut config = self.config.clone();
        config.alpn_protocols = vec![protocol.to_vec()];
        TlsConnector::from(Arc::new(config))
    }
}

/// The certificates of a PEM file.
fn authority(path: &Path) -> Result<RootCertStore, String> {
    let unfit = |error: &dyn fmt::Display| format!("{}: {error}", path.display());
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(path).map_err(|error| unfit(&error))? {
        roots.add(certificate.map_err(|error| unfit(&error))?).map_err(|error| unfit(&error))?;
    }
    if roots.is_empty() { Err(unfit(&"there is no certificate in it")) } else { Ok(roots) }
}

/// Accepts any certificate. That its key signs the handshake is held all the same.
#[derive(Debug)]
struct Anybody(Arc<CryptoProvider>);

impl ServerCertVerifier for Anybody {
    fn verify_server_cert(
        &self,
        _: &CertificateDer<'_>,
        _: &[CertificateDer<'_>],
        _: &ServerName<'_>,
        _: &[u8],
        _: UnixTime,
    ) -> Result<ServerCertVerified, Error> {
        Ok(ServerCertVerified::assertion())
    }

    fn verify_tls12_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls12_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn verify_tls13_signature(
        &self,
        message: &[u8],
        certificate: &CertificateDer<'_>,
        signed: &DigitallySignedStruct,
    ) -> Result<HandshakeSignatureValid, Error> {
        verify_tls13_signature(message, certificate, signed, &self.0.signature_verification_algorithms)
    }

    fn supported_verify_schemes(&self) -> Vec<SignatureScheme> {
        self.0.signature_verification_algorithms.supported_schemes()
    }
}
