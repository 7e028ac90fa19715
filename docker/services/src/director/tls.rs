//! The director's certificate: of a CA of its own, which is made at the first start and kept.
//!
//! `<dir>/tls/ca.pem` is what clients are given as `BOSH_CA_CERT`; `server.pem` and `server.key` are the director's.

use std::fs;
use std::io::Write as _;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::Path;
use std::sync::Arc;

use rcgen::{
    BasicConstraints, CertificateParams, DnType, ExtendedKeyUsagePurpose, IsCa, Issuer, KeyPair, KeyUsagePurpose,
};
use rustls_pki_types::pem::PemObject as _;
use rustls_pki_types::{CertificateDer, PrivateKeyDer};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::mpsc;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::server::TlsStream;

use super::error::{During as _, Error, Result};

/// Issues the server's certificate for `names` (hosts and addresses), by the CA of the first start: clients that have
/// its certificate need no other when the director comes back at another address.
///
/// # Errors
/// When the certificates can't be made or written.
pub fn ensure(dir: &Path, names: &[String]) -> Result<()> {
    fs::create_dir_all(dir).during(|| format!("cannot make {}", dir.display()))?;
    let old = fs::read_to_string(dir.join("ca.key")).ok();
    let issued = issue(names, old.as_deref());
    let issued = issued.map_err(|error| Error::internal(format!("cannot issue a certificate: {error}")))?;
    for (name, text, mode) in issued.files() {
        if name.starts_with("ca.") && old.is_some() {
            continue;
        }
        let file = dir.join(name);
        let options = fs::OpenOptions::new().write(true).create(true).truncate(true).mode(mode).open(&file);
        let written = options.and_then(|mut open| open.write_all(text.as_bytes()));
        written.during(|| format!("cannot write {}", file.display()))?;
    }
    Ok(())
}

/// What a director presents, and what it was issued by; all PEM.
struct Issued {
    ca: String,
    ca_key: String,
    server: String,
    server_key: String,
}

impl Issued {
    fn files(&self) -> [(&'static str, &str, u32); 4] {
        let Self { ca, ca_key, server, server_key } = self;
        [
            ("ca.pem", ca, 0o644),
            ("ca.key", ca_key, 0o600),
            ("server.pem", server, 0o644),
            ("server.key", server_key, 0o600),
        ]
    }
}

fn issue(names: &[String], old: Option<&str>) -> std::result::Result<Issued, rcgen::Error> {
    let ca_key = old.map_or_else(KeyPair::generate, KeyPair::from_pem)?;
    let ca_pem_key = ca_key.serialize_pem();
    let mut ca = CertificateParams::new(Vec::new())?;
    ca.is_ca = IsCa::Ca(BasicConstraints::Unconstrained);
    ca.key_usages = vec![KeyUsagePurpose::KeyCertSign, KeyUsagePurpose::CrlSign];
    ca.distinguished_name.push(DnType::CommonName, "director CA");
    let ca_pem = ca.self_signed(&ca_key)?.pem();
    let issuer = Issuer::new(ca, ca_key);
    let key = KeyPair::generate()?;
    let mut server = CertificateParams::new(names.to_vec())?;
    server.key_usages = vec![KeyUsagePurpose::DigitalSignature];
    server.extended_key_usages = vec![ExtendedKeyUsagePurpose::ServerAuth];
    server.use_authority_key_identifier_extension = true;
    server.distinguished_name.push(DnType::CommonName, "director");
    let server_pem = server.signed_by(&key, &issuer)?.pem();
    Ok(Issued { ca: ca_pem, ca_key: ca_pem_key, server: server_pem, server_key: key.serialize_pem() })
}

/// The names that the certificate is for: those given, this host's, and loopback's.
pub fn names(given: &[String]) -> Vec<String> {
    let mut names = given.to_vec();
    names.extend(["localhost", "127.0.0.1"].map(str::to_owned));
    let host = fs::read_to_string("/etc/hostname").unwrap_or_default().trim().to_owned();
    if !host.is_empty() {
        // Docker writes a container's addresses there, beside its name.
        let hosts = fs::read_to_string("/etc/hosts").unwrap_or_default();
        let own = hosts.lines().filter(|line| line.split_whitespace().skip(1).any(|name| name == host));
        names.extend(own.filter_map(|line| line.split_whitespace().next()).map(str::to_owned));
        names.push(host);
    }
    names.retain(|name| name.parse::<IpAddr>().is_ok() || name.is_ascii());
    names.sort();
    names.dedup();
    names
}

/// Accepts TLS connections. A client that never ends its handshake keeps nobody else waiting.
#[derive(Debug)]
pub struct Listener {
    accepted: mpsc::Receiver<(TlsStream<TcpStream>, SocketAddr)>,
    local: SocketAddr,
}

impl Listener {
    /// Listens at `address` with the certificate in `dir`.
    ///
    /// # Errors
    /// When the certificate can't be read or the address is taken.
    pub async fn bind(address: SocketAddr, dir: &Path) -> Result<Self> {
        let acceptor = TlsAcceptor::from(Arc::new(config(dir)?));
        let listener = TcpListener::bind(address).await.during(|| format!("cannot listen at {address}"))?;
        let local = listener.local_addr().during(|| "cannot tell the own address".to_owned())?;
        let (handshaken, accepted) = mpsc::channel(64);
        tokio::spawn(accept(listener, acceptor, handshaken));
        Ok(Self { accepted, local })
    }
}

async fn accept(listener: TcpListener, acceptor: TlsAcceptor, to: mpsc::Sender<(TlsStream<TcpStream>, SocketAddr)>) {
    loop {
        let Ok((stream, peer)) = listener.accept().await else {
            tokio::time::sleep(std::time::Duration::from_millis(50)).await;
            continue;
        };
        let (acceptor, to) = (acceptor.clone(), to.clone());
        tokio::spawn(async move {
            if let Ok(stream) = acceptor.accept(stream).await {
                let _ = to.send((stream, peer)).await;
            }
        });
    }
}

fn config(dir: &Path) -> Result<ServerConfig> {
    let (certificate, key) = (dir.join("server.pem"), dir.join("server.key"));
    let chain =
        CertificateDer::pem_file_iter(&certificate).and_then(Iterator::collect::<std::result::Result<Vec<_>, _>>);
    let chain = chain.during(|| format!("cannot read {}", certificate.display()))?;
    let key = PrivateKeyDer::from_pem_file(&key).during(|| format!("cannot read {}", key.display()))?;
    let provider = Arc::new(tokio_rustls::rustls::crypto::ring::default_provider());
    let config = ServerConfig::builder_with_provider(provider).with_safe_default_protocol_versions();
    let config = config.and_then(|config| config.with_no_client_auth().with_single_cert(chain, key));
    config.during(|| "cannot use the director's certificate".to_owned())
}

impl axum::serve::Listener for Listener {
    type Io = TlsStream<TcpStream>;
    type Addr = SocketAddr;

    async fn accept(&mut self) -> (Self::Io, Self::Addr) {
        match self.accepted.recv().await {
            Some(accepted) => accepted,
            // The accepting task never ends before this does.
            None => std::future::pending().await,
        }
    }

    fn local_addr(&self) -> std::io::Result<SocketAddr> {
        Ok(self.local)
    }
}
