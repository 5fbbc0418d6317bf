//! A certificate authority and a server's certificate, made by `openssl` in a folder, of use for two days.

use super::LabError;
use super::settings::Encryption;
use std::io::ErrorKind;
use std::path::PathBuf;
use std::process::Command;
use std::sync::Arc;
use tempfile::TempDir;

/// Two certificates: rustls refuses a server whose own certificate is that of an authority.
const CONFIGURATION: &str = "[req]
distinguished_name = name
prompt = no
[name]
CN = redis lab
[authority]
basicConstraints = critical, CA:TRUE
keyUsage = critical, keyCertSign
subjectKeyIdentifier = hash
[server]
basicConstraints = critical, CA:FALSE
subjectAltName = IP:127.0.0.1, DNS:localhost
extendedKeyUsage = serverAuth, clientAuth
";

/// The files that a server over TLS needs, in a folder that is gone with them.
#[derive(Debug)]
pub(super) struct Certificates(TempDir);

impl Certificates {
    /// Makes them if the encryption takes any.
    pub(super) fn wanted(encryption: Encryption) -> Result<Option<Arc<Self>>, LabError> {
        match encryption {
            Encryption::Off => Ok(None),
            Encryption::Tls => Self::make().map(|made| Some(Arc::new(made))),
        }
    }

    fn make() -> Result<Self, LabError> {
        let folder = tempfile::tempdir().map_err(LabError::while_doing("make a folder for certificates"))?;
        let certificates = Self(folder);
        std::fs::write(certificates.file("openssl.cnf"), CONFIGURATION)
            .map_err(LabError::while_doing("write openssl's configuration"))?;
        certificates.request("authority", &[])?;
        certificates.request("server", &["-CA", "authority.crt", "-CAkey", "authority.key"])?;
        Ok(certificates)
    }

    fn request(&self, name: &str, signed_by: &[&str]) -> Result<(), LabError> {
        let (key, certificate) = (format!("{name}.key"), format!("{name}.crt"));
        let mut command = Command::new("openssl");
        command.current_dir(self.0.path()).args([
            "req",
            "-x509",
            "-nodes",
            "-days",
            "2",
            "-config",
            "openssl.cnf",
        ]);
        command.args(["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-extensions", name]);
        command.args(["-keyout", &key, "-out", &certificate]).args(signed_by);
        run(&mut command)
    }

    fn file(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// What a client must trust, as PEM.
    pub(super) fn authority(&self) -> PathBuf {
        self.file("authority.crt")
    }

    /// The lines of Redis's configuration that name them.
    pub(super) fn configuration(&self) -> Vec<(&'static str, String)> {
        let path = |name| self.file(name).display().to_string();
        vec![
            ("tls-cert-file", path("server.crt")),
            ("tls-key-file", path("server.key")),
            ("tls-ca-cert-file", path("authority.crt")),
            ("tls-auth-clients", "no".to_owned()),
        ]
    }
}

fn run(command: &mut Command) -> Result<(), LabError> {
    let output = command.output().map_err(|error| match error.kind() {
        ErrorKind::NotFound => LabError::NotInstalled { program: "openssl", package: "openssl" },
        _ => LabError::Io { doing: "start openssl", source: error },
    })?;
    let said = || String::from_utf8_lossy(&output.stderr).into_owned();
    if output.status.success() {
        Ok(())
    } else {
        Err(LabError::Ended { program: "openssl", status: output.status, said: said() })
    }
}
